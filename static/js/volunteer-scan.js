/* /scan: a code of ours opens its page; any other is named as such and the camera goes on. */
import { startScanner } from './scanner.js';
import { ourPath, soundsOf } from './codes.js';

document.querySelectorAll('[data-scanner=visit]').forEach((root) => {
  const scanner = startScanner(root);
  const play = soundsOf(root);
  root.addEventListener('scan', (event) => {
    const path = ourPath(event.detail.text, root.dataset.hosts);
    if (!path) {
      scanner.say('foreign');
      play('attention');
      return;
    }
    scanner.pause();
    scanner.say('opening');
    play('ok');
    location.assign(path);
  });
  window.addEventListener('pageshow', scanner.resume);
});

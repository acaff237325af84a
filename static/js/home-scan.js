/* At somebody's door: the camera reads the resident's card into the form of the visit, which goes its own way. */
import { startScanner } from './scanner.js';
import { ourPath, soundsOf } from './codes.js';

document.querySelectorAll('[data-scanner=home]').forEach((root) => {
  const scanner = startScanner(root);
  const play = soundsOf(root);
  const form = root.closest('form');
  root.addEventListener('scan', (event) => {
    const path = ourPath(event.detail.text, root.dataset.hosts);
    if (!path || !path.startsWith('/s/')) {
      scanner.say('foreign');
      play('attention');
      return;
    }
    scanner.stop();
    scanner.say('sending');
    play('ok');
    form.elements.card.value = event.detail.text;
    if (form.requestSubmit) form.requestSubmit();
    else form.querySelector('button:not([type=button])').click();
  });
});

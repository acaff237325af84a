/* The counter: a voucher opens its page; a resident's card goes through the counter's own form. */
import { startScanner } from './scanner.js';
import { ourPath, soundsOf } from './codes.js';
import { watchWedge } from './wedge.js';

document.querySelectorAll('[data-scanner=shop]').forEach((root) => {
  const scanner = startScanner(root);
  const play = soundsOf(root);
  const form = document.querySelector('[data-code-form]');
  const take = (text) => {
    const path = ourPath(text, root.dataset.hosts);
    if (!path) {
      scanner.say('foreign');
      play('attention');
      return;
    }
    scanner.pause();
    scanner.say('opening');
    play('ok');
    if (form && path.startsWith('/s/')) {
      form.querySelector('[name=code]').value = text;
      if (form.requestSubmit) form.requestSubmit();
      else form.submit();
    } else location.assign(path);
  };
  root.addEventListener('scan', (event) => take(event.detail.text));
  watchWedge(take);
  window.addEventListener('pageshow', scanner.resume);
});

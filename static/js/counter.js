/* The counter, one person after another, with nothing but keys and a hand scanner. Each page works without this file. */
import { soundsOf } from './codes.js';
import { watchWedge } from './wedge.js';

const isTyped = (event) => event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey;
const isField = (place) => !!place && /^(INPUT|TEXTAREA|SELECT)$/.test(place.tagName) && place.type !== 'radio';
const isPressed = (place) => !!place && /^(A|BUTTON|SUMMARY)$/.test(place.tagName);

/* The field has the focus whatever was tapped beside it, so that the next scan never falls beside it either. */
function keepFocus(field) {
  const take = () => {
    if (!isField(document.activeElement) && !document.querySelector('dialog[open]')) field.focus({ preventScroll: true });
  };
  window.addEventListener('pageshow', take);
  document.addEventListener('visibilitychange', take);
  document.addEventListener('click', (event) => event.target.closest('a, button, input, label, summary') || take());
  window.addEventListener('keydown', (event) => isTyped(event) && take(), true);
  take();
}

function choose(root, key) {
  const pick = root.querySelector('[data-pick="' + key + '"]');
  if (pick) {
    pick.checked = true;
    pick.focus();
  }
  return !!pick;
}

function step(root, sign) {
  const button = root.querySelector('[data-step="' + sign + '"]');
  if (button) button.click();
  return !!button;
}

function onward(root) {
  const form = root.querySelector('form[data-onward]');
  const link = root.querySelector('a[data-onward]');
  if (form && form.requestSubmit) form.requestSubmit();
  else if (form) form.submit();
  else if (link) link.click();
}

function listen(root) {
  document.addEventListener('keydown', (event) => {
    const place = document.activeElement;
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape' && root.dataset.back && !document.querySelector('details.menu[open]')) {
      location.assign(root.dataset.back);
    } else if (event.key === 'Enter' && !isField(place) && !isPressed(place)) {
      event.preventDefault();
      onward(root);
    } else if (isTyped(event) && !isField(place)) {
      const isUsed = /[1-9]/.test(event.key) ? choose(root, event.key) : /[+=]/.test(event.key) ? step(root, '1') : event.key === '-' && step(root, '-1');
      if (isUsed) event.preventDefault();
    }
  });
}

document.querySelectorAll('[data-counter]').forEach((root) => {
  const play = soundsOf(root);
  const next = document.querySelector('form[data-next-scan]');
  if (root.dataset.counter === 'scan') keepFocus(root.querySelector('[name=code]'));
  else {
    watchWedge((text) => {
      next.elements.code.value = text;
      next.submit();
    }, root.querySelector('input[type=password]'));
    listen(root);
  }
  if (root.dataset.play) play(root.dataset.play);
});

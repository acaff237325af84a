/* Every page: small comforts. Each page works without this file. */

const body = document.body;
const say = (key) => body.dataset[key] || '';
let pressed = null;

document.addEventListener('click', (event) => {
  const button = event.target.closest('button, input[type=submit]');
  if (button) pressed = button;
  const menu = document.querySelector('details.menu[open]');
  if (menu && !menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', (event) => {
  const menu = document.querySelector('details.menu[open]');
  if (event.key === 'Escape' && menu) {
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

/* A question before what cannot be taken back: data-confirm on a form or on its button. */
function ask(text) {
  if (!window.HTMLDialogElement || !HTMLDialogElement.prototype.showModal) return Promise.resolve(window.confirm(text));
  return new Promise((resolve) => {
    const dialog = document.createElement('dialog');
    const words = document.createElement('p');
    const row = document.createElement('div');
    words.textContent = text;
    words.id = 'question';
    dialog.setAttribute('aria-labelledby', 'question');
    row.className = 'actions';
    const answer = (kind, label, value) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'btn btn-' + kind;
      button.textContent = label;
      button.addEventListener('click', () => dialog.close(value));
      row.append(button);
    };
    answer('secondary', say('confirmNo'), 'no');
    answer('danger', say('confirmYes'), 'yes');
    dialog.append(words, row);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    body.append(dialog);
    dialog.showModal();
  });
}

function send(form, button) {
  if (form.requestSubmit) return form.requestSubmit(button && button.form === form ? button : undefined);
  if (button && button.name) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = button.name;
    field.value = button.value;
    form.append(field);
  }
  return form.submit();
}

/* What outbox.js keeps for this person is sent only while they are signed in. */
function keptQuestion(form) {
  if (!form.dataset.keptBy) return '';
  try {
    const kept = JSON.parse(localStorage.getItem('outbox') || '[]');
    return kept.some((item) => item.who === form.dataset.keptBy && !item.refused) ? form.dataset.keptQuestion : '';
  } catch (refused) {
    return '';
  }
}

function rest(form) {
  delete form.dataset.sent;
  form.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy'));
}

document.addEventListener('submit', (event) => {
  if (event.defaultPrevented) return;
  const form = event.target;
  const button = event.submitter || (pressed && pressed.form === form ? pressed : null);
  const question = (button && button.dataset.confirm) || form.dataset.confirm || keptQuestion(form);
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (question && !form.dataset.sure) {
    event.preventDefault();
    ask(question).then((yes) => {
      if (!yes) return;
      form.dataset.sure = '1';
      send(form, button);
      delete form.dataset.sure;
    });
    return;
  }
  form.dataset.sent = '1';
  if (button) button.setAttribute('aria-busy', 'true');
  setTimeout(rest, 8000, form);
});
window.addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach(rest));

/* Some in-app browsers refuse storage. */
function remembered(key) {
  try { return sessionStorage.getItem(key); } catch (refused) { return null; }
}
function remember(key, value) {
  try { sessionStorage.setItem(key, value); } catch (refused) { /* then it is asked again */ }
}

/* The one button of a scanned page is pressed for a person who is signed in, once the page is really looked at. */
function pressForMe() {
  const form = document.querySelector('form[data-auto-submit]');
  if (!form || !('signedIn' in body.dataset) || document.prerendering || document.visibilityState !== 'visible') return;
  if (form.dataset.pressed || remembered('pressed') === location.href) return;
  form.dataset.pressed = '1';
  remember('pressed', location.href);
  send(form, form.querySelector('button'));
}
document.addEventListener('prerenderingchange', pressForMe);
document.addEventListener('visibilitychange', pressForMe);
pressForMe();

/* Undo for a few seconds: the bar runs out, then the toast leaves. */
document.querySelectorAll('[data-undo-seconds]').forEach((toast) => {
  const bar = toast.querySelector('progress');
  const ends = performance.now() + Number(toast.dataset.undoSeconds) * 1000;
  bar.hidden = false;
  const timer = setInterval(() => {
    const left = ends - performance.now();
    bar.value = Math.max(0, left / 1000);
    if (left <= 0 && !toast.dataset.sent) {
      clearInterval(timer);
      toast.remove();
    }
  }, 200);
});

/* − and + beside a small number. */
document.querySelectorAll('.stepper').forEach((stepper) => {
  const field = stepper.querySelector('input');
  const buttons = stepper.querySelectorAll('[data-step]');
  const show = () => {
    const value = Number(field.value);
    buttons.forEach((button) => {
      const next = value + Number(button.dataset.step);
      button.disabled = next < Number(field.min) || next > Number(field.max);
    });
  };
  buttons.forEach((button) => {
    button.hidden = false;
    button.addEventListener('click', () => {
      const next = Number(field.value) + Number(button.dataset.step);
      field.value = Math.min(Number(field.max), Math.max(Number(field.min), next));
      field.dispatchEvent(new Event('change', { bubbles: true }));
    });
  });
  field.addEventListener('change', show);
  show();
});

/* Six digits: full-width figures and spaces are put right while typing. */
document.querySelectorAll('.input.code').forEach((field) => {
  field.addEventListener('input', () => {
    const plain = field.value.replace(/[０-９]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replace(/\D/g, '').slice(0, 6);
    if (plain !== field.value) field.value = plain;
  });
});

/* The chosen photo is shown at once. */
document.querySelectorAll('.photo input[type=file]').forEach((field) => {
  field.addEventListener('change', () => {
    const box = field.closest('.photo');
    box.querySelectorAll('img').forEach((old) => { URL.revokeObjectURL(old.src); old.remove(); });
    Array.from(field.files).slice(0, 3).forEach((file) => {
      const picture = document.createElement('img');
      picture.alt = '';
      picture.src = URL.createObjectURL(file);
      box.prepend(picture);
    });
    const names = Array.from(field.files).map((file) => file.name).join(' ');
    if (names) box.querySelector('[data-photo-text]').textContent = names;
  });
});

document.querySelectorAll('[data-copy]').forEach((button) => {
  button.addEventListener('click', () => {
    if (!navigator.clipboard) return;
    navigator.clipboard.writeText(button.dataset.copy).then(() => {
      const words = button.querySelector('span') || button;
      words.textContent = say('copied');
    });
  });
});
document.querySelectorAll('[data-print]').forEach((button) => button.addEventListener('click', () => window.print()));

const errors = document.getElementById('errors');
if (errors) errors.focus();

/* Keying in a paper roster without leaving the keyboard: type, Enter adds, arrows choose, Ctrl+Z takes the last back.
   The server draws everything; this only fetches the page's own links and forms and puts the new parts in place. */
const QUIET_MS = 90; // between two keys of somebody who types
const PARTS = ['found', 'expected', 'lines'];

function begin(root) {
  const form = root.querySelector('form.search');
  const field = form.querySelector('input');
  const hint = root.querySelector('[data-keying-hint]');
  const usual = hint.textContent;
  const part = (place, name) => place.querySelector('[data-part=' + name + ']');
  const choices = () => [...part(root, 'found').querySelectorAll('form')];
  let shown = field.value.trim(); // what the found people were found by
  let chosen = 0;
  let asked = 0;
  let timer = 0;
  let isEnter = false; // pressed before the answer was there
  let isBusy = false;

  function put(text, names) {
    const page = new DOMParser().parseFromString(text, 'text/html');
    for (const name of names) {
      const fresh = part(page, name);
      if (!fresh) return false;
      part(root, name).replaceWith(document.adoptNode(fresh));
    }
    const said = page.getElementById('messages');
    if (said && said.childElementCount) document.getElementById('messages').replaceChildren(...said.childNodes);
    return true;
  }

  function mark(number) {
    const forms = choices();
    chosen = forms.length ? (number + forms.length) % forms.length : 0;
    forms.forEach((each, index) => each.closest('.row').classList.toggle('is-here', index === chosen));
    const name = forms.length && forms[chosen].closest('.row').querySelector('.row-title').textContent;
    if (forms.length) hint.textContent = root.dataset.hint.replace('{name}', name);
    else hint.textContent = shown ? root.dataset.none : usual;
  }

  async function search(text) {
    const mine = ++asked;
    const answer = await fetch(form.action + '?q=' + encodeURIComponent(text), { credentials: 'same-origin' });
    const page = await answer.text();
    if (mine !== asked || isBusy) return;
    if (!answer.ok || !put(page, ['found'])) throw new Error('no page');
    shown = text;
    mark(0);
    // Whoever was faster than the answer has not seen it: only the one and only is added.
    if (isEnter && choices().length === 1) send(choices()[0]);
    isEnter = false;
  }

  function look(text) {
    clearTimeout(timer);
    search(text).catch(() => form.submit());
  }

  async function send(what) {
    if (isBusy) return;
    isBusy = true;
    try {
      const body = new URLSearchParams(new FormData(what));
      const answer = await fetch(what.action, { method: 'POST', body, credentials: 'same-origin' });
      if (!put(await answer.text(), PARTS)) throw new Error('no page');
    } catch (wrong) {
      what.submit();
      return;
    }
    isBusy = false;
    field.value = '';
    shown = '';
    asked += 1;
    mark(0);
    field.focus();
  }

  field.setAttribute('autocomplete', 'off');
  field.addEventListener('input', () => {
    clearTimeout(timer);
    isEnter = false;
    timer = setTimeout(() => look(field.value.trim()), QUIET_MS);
  });
  field.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    const text = field.value.trim();
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      mark(chosen + (event.key === 'ArrowDown' ? 1 : -1));
    } else if (event.key === 'Escape') {
      field.value = '';
      look('');
    } else if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !field.value) {
      const last = part(root, 'lines').querySelector('form[action$="/removal"]');
      event.preventDefault();
      if (last) send(last);
    }
    if (event.key !== 'Enter') return;
    event.preventDefault();
    if (!text) return;
    if (text === shown) {
      if (choices().length) send(choices()[chosen]);
    } else {
      isEnter = true;
      look(text);
    }
  });
  root.addEventListener('submit', (event) => {
    const what = event.target;
    if (!part(root, 'found').contains(what) && !what.action.endsWith('/removal')) return;
    event.preventDefault();
    send(what);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    look(field.value.trim());
  });
  mark(0);
  field.focus();
}

document.querySelectorAll('[data-keying]').forEach(begin);

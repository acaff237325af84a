/* What was pressed without a network waits on the phone and is sent by itself, with its own moment and one key for ever.

 * A form with data-keep is sent by this file; a hand that presses is told at once whether it is recorded or kept.
 * The place of the list is [data-outbox]; its texts come from data-text-*. Where the browser refuses storage, or
 * there is no such place, forms go their usual way. */
import { newUuid } from './codes.js';

const NAME = 'outbox';
const WAIT_MS = 8000;
const EVERY_MS = 15000;
const SAME_PRESS_MS = 5000;

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) || '[]');
    return Array.isArray(found) ? found : [];
  } catch (broken) {
    return [];
  }
}

function write(items) {
  try {
    localStorage.setItem(NAME, JSON.stringify(items));
    return true;
  } catch (refused) {
    return false;
  }
}

const put = (item) => write(read().filter((each) => each.key !== item.key).concat([item]));
const drop = (key) => write(read().filter((each) => each.key !== key));
/* A newer answer about the same visit stands for the refusals before it. */
const forgetRefusals = (item) => write(read().filter((each) => !(each.refused && each.url === item.url && each.who === item.who)));

function post(item) {
  const stop = window.AbortController ? new AbortController() : null;
  const timer = setTimeout(() => stop && stop.abort(), WAIT_MS);
  const token = document.querySelector('meta[name=csrf-token]');
  const done = (answer) => {
    clearTimeout(timer);
    return answer;
  };
  return fetch(item.url, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { Accept: 'application/json', 'X-CSRFToken': token ? token.content : '', 'Idempotency-Key': item.key },
    body: new URLSearchParams(item.fields),
    signal: stop ? stop.signal : undefined,
  }).then((response) => response.json().catch(() => ({})).then((answer) => done({ status: response.status, answer })), (offline) => {
    done();
    throw offline;
  });
}

/* What the answer means: gone, refused for good, or kept for later. */
function verdict(status) {
  if (status >= 200 && status < 300) return 'done';
  return [403, 404, 409, 422].includes(status) ? 'refused' : 'later';
}

function reasonOf(answer) {
  const errors = answer.errors || {};
  const first = Object.keys(errors)[0];
  return first ? [].concat(errors[first])[0] : answer.detail || '';
}

function begin(root) {
  const text = (key) => root.getAttribute('data-text-' + key) || '';
  const me = root.dataset.me;
  const ahead = Number(root.dataset.now) - Date.now(); // how far the bank's clock goes before this phone's
  const forms = [...document.querySelectorAll('form[data-keep]')];
  let isSending = false;

  const piece = (tag, words, name) => {
    const element = document.createElement(tag);
    element.textContent = words || '';
    if (name) element.className = name;
    return element;
  };

  function drawing(name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', root.dataset.icons + '#' + name);
    svg.append(use);
    return svg;
  }

  function card(item) {
    const box = piece('div', '', 'callout ' + (item.refused ? 'is-stop' : 'is-attention'));
    const words = piece('div');
    const when = new Date(item.at);
    const at = ('0' + when.getHours()).slice(-2) + ':' + ('0' + when.getMinutes()).slice(-2);
    words.append(piece('b', item.refused ? text('refused') : text('kept')));
    words.append(piece('span', [item.title, text(item.fields.way === 'out' ? 'out' : 'in'), at, item.refused || item.note].filter(Boolean).join(' · ')));
    if (item.refused) {
      const button = piece('button', text('seen'), 'btn btn-secondary');
      button.type = 'button';
      button.addEventListener('click', () => {
        drop(item.key);
        location.reload();
      });
      words.append(button);
    }
    box.append(drawing(item.refused ? 'stop' : 'offline'), words);
    return box;
  }

  /* The form stands at what comes next, also while the bank has not heard of what came before. */
  function stand() {
    const kept = read().filter((item) => item.who === me && !item.refused);
    forms.forEach((form) => {
      const ways = kept.filter((item) => item.url === form.action).map((item) => item.fields.way);
      const isOver = ways.includes('out');
      form.hidden = isOver;
      if (!isOver && ways.includes('in')) form.elements.way.value = 'out';
      const title = document.querySelector('[data-keep-title]');
      if (title && ways.includes('in')) title.textContent = text('next');
      if (title) title.hidden = isOver;
      const label = form.querySelector('[type=submit] span, button span');
      if (label && ways.includes('in') && form.dataset.next) label.textContent = form.dataset.next;
    });
  }

  /* What was refused is told at its own visit and on the lists, not at another visit. */
  const belongs = (item) => !item.refused || !root.dataset.title || new URL(item.url).pathname.startsWith(location.pathname + '/');

  function draw() {
    const mine = read().filter((item) => item.who === me && belongs(item));
    root.textContent = '';
    mine.forEach((item) => root.append(card(item)));
    root.hidden = !mine.length;
    stand();
  }

  /* Give whether anything was recorded that this page shows. */
  async function flush() {
    if (isSending) return;
    isSending = true;
    let isNews = false;
    const tried = [];
    const next = () => read().find((each) => each.who === me && !each.refused && !tried.includes(each.key));
    for (let item = next(); item; item = next()) {
      let got = null;
      tried.push(item.key);
      try {
        got = await post(item);
      } catch (offline) {
        break;
      }
      const what = verdict(got.status);
      if (what !== 'later') forgetRefusals(item);
      if (what === 'done') {
        drop(item.key);
        isNews = true;
      } else if (what === 'refused') {
        put(Object.assign({}, item, { refused: reasonOf(got.answer) || text('failed') }));
      } else {
        put(Object.assign({}, item, { note: got.status < 500 ? reasonOf(got.answer) : '' }));
        break;
      }
    }
    isSending = false;
    if (isNews) location.reload();
    else draw();
  }

  function take(form) {
    const data = new FormData(form);
    const fields = {};
    ['six', 'card', 'way', 'happened_at'].forEach((name) => {
      const value = data.get(name);
      if (value) fields[name] = value;
    });
    const at = Date.now();
    if (!fields.happened_at) fields.happened_at = new Date(at + ahead).toISOString();
    const twin = read().find((item) => item.url === form.action && item.fields.way === fields.way && !item.refused && at - item.at < SAME_PRESS_MS);
    if (twin) return true;
    return put({ key: newUuid(), who: me, url: form.action, fields, at, title: root.dataset.title || '' });
  }

  forms.forEach((form) => form.addEventListener('submit', (event) => {
    const empty = [...form.querySelectorAll('[name=six], [name=card]')];
    if (empty.length && empty.every((field) => !field.value.trim())) return;
    if (!take(form)) return;
    event.preventDefault();
    empty.forEach((field) => { field.value = ''; });
    const button = form.querySelector('button:not([type=button])');
    if (button) button.setAttribute('aria-busy', 'true');
    flush().then(() => button && button.removeAttribute('aria-busy'));
  }));

  const isWaiting = () => read().some((item) => item.who === me && !item.refused);
  const again = () => { if (isWaiting() && document.visibilityState === 'visible') flush(); };
  window.addEventListener('online', again);
  window.addEventListener('pageshow', again);
  document.addEventListener('visibilitychange', again);
  setInterval(again, EVERY_MS);
  draw();
}

document.querySelectorAll('[data-outbox]').forEach(begin);

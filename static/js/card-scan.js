/* The coordinator scans people's cards one after the other; each answer fills the screen until the next. */
import { startScanner } from './scanner.js';
import { newUuid, soundsOf } from './codes.js';
import { watchWedge } from './wedge.js';

const WAIT_MS = 6000;
const SHOW_MS = 6000;
const KEEP = 20;
const LOOKS = {
  in: { tone: 'is-ok', icon: 'in', sound: 'ok' },
  out: { tone: 'is-wait', icon: 'out', sound: 'ok' },
  already: { tone: 'is-attention', icon: 'warning', sound: 'attention' },
  attention: { tone: 'is-attention', icon: 'warning', sound: 'attention' },
  error: { tone: 'is-stop', icon: 'stop', sound: 'error' },
};

function post(url, body, uuid) {
  const stop = window.AbortController ? new AbortController() : null;
  const timer = setTimeout(() => stop && stop.abort(), WAIT_MS);
  const token = document.querySelector('meta[name=csrf-token]');
  return fetch(url, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': token ? token.content : '', 'Idempotency-Key': uuid },
    body: JSON.stringify(body),
    signal: stop ? stop.signal : undefined,
  }).then((response) => response.json().catch(() => ({})).then((answer) => ({ status: response.status, answer }))).then((got) => {
    clearTimeout(timer);
    return got;
  }, (error) => {
    clearTimeout(timer);
    throw error;
  });
}

function begin(root) {
  const scanner = startScanner(root.querySelector('[data-scanner]'));
  const play = soundsOf(root);
  const overlay = root.querySelector('[data-result]');
  const spoken = root.querySelector('[data-spoken]');
  const list = root.querySelector('[data-results]');
  const form = root.querySelector('[data-card-form]');
  const field = form.querySelector('[name=card]');
  const text = (key) => root.getAttribute('data-text-' + key) || '';
  const icons = root.getAttribute('data-icons');
  let hiding = 0;

  const piece = (tag, words) => {
    const element = document.createElement(tag);
    element.textContent = words || '';
    return element;
  };
  const drawing = (name) => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', icons + '#' + name);
    svg.append(use);
    return svg;
  };

  function remember(look, answer) {
    const row = document.createElement('div');
    const icon = piece('span');
    const words = piece('span');
    row.className = 'row ' + look.tone;
    icon.className = 'row-icon';
    icon.append(drawing(look.icon));
    words.className = 'row-text';
    words.append(piece('b', [answer.name, answer.title].filter(Boolean).join(' · ')), document.createElement('br'), piece('small', answer.detail));
    row.append(icon, words);
    list.prepend(row);
    list.hidden = false;
    while (list.children.length > KEEP) list.lastElementChild.remove();
  }

  function show(answer) {
    const look = LOOKS[answer.status] || LOOKS.error;
    clearTimeout(hiding);
    overlay.className = 'result ' + look.tone;
    overlay.textContent = '';
    overlay.append(drawing(look.icon), piece('b', answer.name), piece('strong', answer.title), piece('span', answer.detail), piece('span', text('tap')));
    overlay.hidden = false;
    spoken.textContent = [answer.name, answer.title, answer.detail].filter(Boolean).join('，');
    play(answer.sound || look.sound);
    remember(look, answer);
    if (answer.ok) hiding = setTimeout(() => { overlay.hidden = true; }, SHOW_MS);
  }

  const refused = (answer) => ({ ok: false, status: 'error', name: '', title: answer.title || text('failed'), detail: answer.detail || text('signin') });

  async function take(card) {
    const uuid = newUuid();
    const direction = form.querySelector('[name=direction]:checked');
    const body = { card: card.trim(), direction: direction ? direction.value : 'in', uuid };
    scanner.say('sending');
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      try {
        const got = await post(root.dataset.scanUrl, body, uuid);
        scanner.say('aim');
        return show(got.answer.status && LOOKS[got.answer.status] ? got.answer : refused(got.answer));
      } catch (offline) {
        if (attempt === 2) {
          scanner.say('aim');
          show({ ok: false, status: 'error', name: '', title: text('offline'), detail: text('offline-next') });
        }
      }
    }
    return null;
  }

  overlay.addEventListener('click', () => { overlay.hidden = true; });
  root.addEventListener('scan', (event) => take(event.detail.text));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (field.value.trim()) take(field.value);
    field.value = '';
    field.focus();
  });
  watchWedge(take);
}

document.querySelectorAll('[data-card-scan]').forEach(begin);

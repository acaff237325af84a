/* What a scanned text is to this site. */

/* The path of one of our own links (/s/…, /v/… or /w/…), or null. `hosts` adds other names this site is printed under. */
export function ourPath(text, hosts) {
  const allowed = [location.host].concat((hosts || '').split(/[\s,]+/).filter(Boolean)).map((host) => host.toLowerCase());
  let url;
  try {
    url = new URL(text.trim());
  } catch (other) {
    return null;
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null;
  if (!allowed.includes(url.host.toLowerCase())) return null;
  const path = /^\/([svw])\/([\w-]{1,64})$/i.exec(url.pathname);
  return path ? '/' + path[1].toLowerCase() + '/' + path[2] : null;
}

/* A mark for one physical scan, made before the network is tried. */
export function newUuid() {
  if (window.crypto.randomUUID) return window.crypto.randomUUID();
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => ('0' + byte.toString(16)).slice(-2)).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/* The sounds named in data-sound-* of an element; silent where they are not allowed. */
export function soundsOf(element) {
  const ready = {};
  ['ok', 'attention', 'error'].forEach((name) => {
    const address = element.getAttribute('data-sound-' + name);
    if (address) {
      ready[name] = new Audio(address);
      ready[name].preload = 'auto';
    }
  });
  /* iPhones play only what a tap has once started. */
  document.addEventListener('click', () => Object.keys(ready).forEach((name) => {
    const sound = ready[name];
    if (!sound.paused) return;
    sound.muted = true;
    const trial = sound.play();
    const rest = () => {
      sound.pause();
      sound.currentTime = 0;
      sound.muted = false;
    };
    if (trial) trial.then(rest, rest);
  }), { once: true });
  return (name) => {
    const sound = ready[name];
    if (navigator.vibrate) navigator.vibrate(name === 'ok' ? 60 : [80, 60, 80]);
    if (!sound) return;
    sound.muted = false;
    sound.currentTime = 0;
    const playing = sound.play();
    if (playing) playing.catch(() => {});
  };
}

/* A hand scanner types like a very fast keyboard and ends with Enter; listen to it while no field has the focus,
   and in the one field `also`, which nobody fills so fast (a PIN). */
const BURST_MS = 120; // longer between two keys is a person
const SHORTEST = 8;

export function watchWedge(take, also = null) {
  let typed = '';
  let last = 0;
  document.addEventListener('keydown', (event) => {
    const place = document.activeElement;
    if (place && place !== also && /^(INPUT|TEXTAREA|SELECT)$/.test(place.tagName) && place.type !== 'radio') return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const now = event.timeStamp;
    if (event.repeat || now - last > BURST_MS) typed = ''; // a key held down is a person too
    last = now;
    if (event.key === 'Enter') {
      if (typed.length < SHORTEST) return;
      event.preventDefault();
      event.stopPropagation();
      if (also) also.value = '';
      take(typed);
      typed = '';
    } else if (event.key.length === 1) {
      typed += event.key;
      if (typed.length > 4) event.preventDefault();
    }
  }, true);
  document.documentElement.dataset.listens = 'scanner'; // what is typed before this is lost
}

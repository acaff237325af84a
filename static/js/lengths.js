/* Offers only the lengths that the chosen kind of help has, its usual one first chosen; the server checks them too. */
const box = document.querySelector('[data-lengths]');
const spans = JSON.parse(box.dataset.lengths);
const minutes = box.querySelector('select');
const kinds = [...document.querySelectorAll('input[name="kind"]')];

function fit(isNew) {
  const chosen = kinds.find((one) => one.checked);
  const span = chosen && spans[chosen.value];
  if (!span) return;
  const [least, usual, most] = span;
  [...minutes.options].forEach((one) => { one.disabled = Number(one.value) < least || Number(one.value) > most; });
  const now = minutes.options[minutes.selectedIndex];
  if (isNew || (now && now.disabled)) minutes.value = String(usual);
}

kinds.forEach((one) => one.addEventListener('change', () => fit(true)));
fit(false);

/* A large keypad for a PIN at the counter; without it the field itself is typed into. */
document.querySelectorAll('[data-keypad]').forEach((pad) => {
  const field = document.getElementById(pad.dataset.keypad);
  pad.hidden = false;
  pad.addEventListener('click', (event) => {
    const key = event.target.closest('[data-key]');
    if (!key) return;
    if (key.dataset.key === 'clear') field.value = '';
    else if (field.value.length < field.maxLength) field.value += key.dataset.key;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
});

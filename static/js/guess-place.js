// A form with data-guess-place learns the browser's time zone and language; the server takes what it supports.
const form = document.querySelector("[data-guess-place]");
if (form) {
  const guesses = { time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone, locale: navigator.language };
  for (const [name, guess] of Object.entries(guesses)) {
    const field = form.elements[name];
    if (field && !field.value && guess) field.value = guess;
  }
}

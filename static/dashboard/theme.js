// The theme switch works without this file: CSS reads the radios through :has().
// This only remembers the choice, in a cookie, from which the server renders data-theme on <html>.
const root = document.documentElement;

function apply(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

for (const radio of document.querySelectorAll("[name=theme]")) {
  radio.addEventListener("change", () => {
    apply(radio.value);
    document.cookie = `taskhub_theme=${radio.value}; path=/; max-age=31536000; samesite=lax`;
  });
}

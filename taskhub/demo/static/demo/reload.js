// What came of a task is on the page that the server makes once it is over.
document.addEventListener("taskhub-over", () => location.reload());

// The model card: it comes from a page of its own when it is opened, so that this page stays small.
'use strict';

(() => {
  const details = document.getElementById('model-card');
  if (!details || location.protocol === 'file:') return;

  async function show() {
    const response = await fetch(details.dataset.page);
    if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
    // The build wrote each element of that page; scripts would not run here in any case. Its own
    // style stays there.
    const [, body] = /<main>([\s\S]*)<\/main>/.exec(await response.text());
    const page = new DOMParser().parseFromString(body, 'text/html');
    details.querySelector('.card').append(...page.body.children);
  }

  details.addEventListener('toggle', () => {
    show().catch((error) => console.warn(`the model card is not shown: ${error.message}`));
  }, {once: true});
})();

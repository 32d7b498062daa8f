// The page that stays: it shows each run in a frame of another site, so in another process, and
// sees no model itself.
'use strict';

(async () => {
  for (;;) {
    const address = await (await fetch(`/${window.secret}/next`)).json();
    if (!address) continue;
    document.querySelector('iframe')?.remove();
    const frame = document.createElement('iframe');
    frame.src = address;
    document.body.append(frame);
  }
})();

// What scripts are about to change is not painted before they have: page.js fills in the snippets,
// list.js narrows the list by the address.
'use strict';

document.documentElement.classList.add('filling');
document.documentElement.classList.toggle('narrowed', location.search.length > 1);

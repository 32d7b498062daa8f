// A server shows this page at any depth of the zoo: its root lies before what is known of a path.
const path = location.pathname;
const end = path.search(/\/(models|assets|tfjs)\//);
document.getElementById('home').href = `${end < 0 ? path.slice(0, path.lastIndexOf('/')) : path.slice(0, end)}/index.html`;

'use strict';
// Everything is readable without this: it adds tips, sorting, linked marks, copying.
const tip = document.getElementById('tip');

function tell(mark) {
  tip.hidden = !mark;
  if (!mark) return;
  // The table of the front has all figures of a network, its marks the name.
  const name = mark.dataset.network;
  const cell = name && document.querySelector(`td[data-network="${CSS.escape(name)}"]`);
  tip.textContent = cell ? cell.dataset.tip : mark.querySelector('title').textContent;
}

// All marks and rows of one network light up together.
function light(name) {
  document.querySelectorAll('.lit').forEach(e => e.classList.remove('lit'));
  if (!name) return;
  document.querySelectorAll('[data-network]').forEach(e => {
    if (e.dataset.network !== name) return;
    const row = e.closest('tr');
    (row || e).classList.add('lit');
  });
}

document.querySelectorAll('.mark').forEach(mark => {
  const enter = () => { tell(mark); light(mark.dataset.network); };
  const leave = () => { tell(null); light(null); };
  mark.addEventListener('pointerenter', enter);
  mark.addEventListener('focus', enter);
  mark.addEventListener('pointerleave', leave);
  mark.addEventListener('blur', leave);
});

// What this window had open when it read its page of a running search again.
const again = document.getElementById('again');
let kept = null;
try { kept = again && JSON.parse(window.name).open; } catch (other) { kept = null; }

function follow() {
  window.name = '';
  if (!again.checked) return;
  setTimeout(() => {
    if (!again.checked) return;
    const open = [...document.querySelectorAll('details[open][id]')].map(d => d.id);
    window.name = JSON.stringify({ open });
    location.reload();
  }, 15000);
}

if (again) {
  again.parentElement.hidden = false;
  again.checked = Boolean(kept);
  document.querySelectorAll('details[id]').forEach(d => {
    if (kept) d.open = kept.includes(d.id);
  });
  again.addEventListener('change', follow);
  follow();
}

// A link to a network opens its part of the page.
function open() {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  if (!target) return;
  if (target.tagName === 'DETAILS') target.open = true;
  target.scrollIntoView();
  light(target.dataset.network);
}
window.addEventListener('hashchange', open);
if (!kept) open();

// A click on a heading sorts, a second one turns the order around.
function value(row, column) {
  const words = row.cells[column].textContent.trim();
  const number = parseFloat(words.replace(/,/g, ''));
  return Number.isNaN(number) ? words.toLowerCase() : number;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === 'number' ? -1 : 1;
}

document.querySelectorAll('table.sortable').forEach(table => {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      heads.forEach(h => h.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const body = table.tBodies[0];
      [...body.rows]
        .sort((a, b) => compare(value(a, column), value(b, column)) * (up ? 1 : -1))
        .forEach(row => body.append(row));
    };
    head.addEventListener('click', sort);
    head.addEventListener('keydown', event => { if (event.key === 'Enter') sort(); });
  });
});

// Commands go to the clipboard where the browser allows it, else they are selected.
document.querySelectorAll('.copy').forEach(button => {
  button.addEventListener('click', async () => {
    const code = button.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'copied';
    } catch (refused) {
      getSelection().selectAllChildren(code);
      button.textContent = 'selected';
    }
  });
});

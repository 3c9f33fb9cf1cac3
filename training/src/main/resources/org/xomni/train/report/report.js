'use strict';
// Under the pointer: step and values, in the chart's head.
for (const chart of document.querySelectorAll('.chart')) {
  const plot = chart.querySelector('.plot'), at = plot.querySelector('.at'), values = chart.querySelector('.values');
  const lines = JSON.parse(chart.querySelector('script').textContent);
  const latest = values.innerHTML, names = [...values.children];
  const leave = () => {
    values.innerHTML = latest;
    at.style.display = 'none';
    plot.querySelectorAll('.dot').forEach(dot => dot.remove());
  };
  plot.addEventListener('pointermove', event => {
    const box = plot.getBoundingClientRect(), place = (event.clientX - box.left) / box.width * 100;
    const nearest = lines.map(line => line.reduce((a, b) => a && Math.abs(a[2] - place) <= Math.abs(b[2] - place) ? a : b, null));
    const first = nearest.filter(p => p).sort((a, b) => Math.abs(a[2] - place) - Math.abs(b[2] - place))[0];
    leave();
    if (!first) return;
    at.style.display = 'block';
    at.style.left = first[2] + '%';
    values.replaceChildren(Object.assign(document.createElement('u'), {textContent: 'step ' + first[0].toLocaleString('en')}));
    nearest.forEach((p, i) => {
      // A run that ended before has no value here.
      const here = p && Math.abs(p[2] - first[2]) < 2;
      const value = names[i].cloneNode();
      value.textContent = here ? p[1] : '-';
      values.append(value);
      if (!here || p[3] < 0 || p[3] > 100) return;
      const dot = document.createElement('i');
      dot.className = 'dot ' + names[i].className;
      dot.style.cssText = 'left:' + p[2] + '%;top:' + p[3] + '%';
      plot.append(dot);
    });
  });
  plot.addEventListener('pointerleave', leave);
}
// Sheets: one at a time, in the same place.
for (const sheets of document.querySelectorAll('.sheets')) {
  const slider = sheets.querySelector('input');
  if (!slider) continue;
  const figures = sheets.querySelectorAll('figure'), [earlier, later] = sheets.querySelectorAll('button');
  const show = index => {
    slider.value = index;
    figures.forEach((figure, i) => figure.classList.toggle('on', i === +slider.value));
  };
  sheets.classList.add('flips');
  slider.addEventListener('input', () => show(slider.value));
  earlier.addEventListener('click', () => show(+slider.value - 1));
  later.addEventListener('click', () => show(+slider.value + 1));
  show(figures.length - 1);
}

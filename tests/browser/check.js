// SPDX-License-Identifier: LGPL-2.1-or-later
// Put into a page by tests/browser/run: says in its title what is wrong with it as it is shown.
'use strict';
const problems = [];
addEventListener('error', (e) => problems.push('error: ' + e.message));

// Whether what @element shows is cut off or scrolled by a container of its own.
function scrolls(element) {
	return element.closest('.scroll') !== null;
}

function name(element) {
	return element.tagName.toLowerCase() + ' "' + element.textContent.trim().slice(0, 30) + '"';
}

function checkWidth() {
	const page = document.scrollingElement;
	if (page.scrollWidth > innerWidth)
		problems.push('the page is ' + page.scrollWidth + ' wide in ' + innerWidth);
	for (const element of document.querySelectorAll('main *')) {
		const box = element.getBoundingClientRect();
		if (!scrolls(element) && box.width && (box.right > innerWidth + 0.5 || box.left < -0.5))
			problems.push(name(element) + ' leaves the window');
	}
}

// Labels of a chart stay apart.
function checkLabels() {
	let count = 0;
	for (const svg of document.querySelectorAll('svg')) {
		const boxes = [...svg.querySelectorAll(':scope > text')].map(
			(text) => [text, text.getBoundingClientRect()]);
		count += boxes.length;
		for (let i = 0; i < boxes.length; i++)
			for (let j = 0; j < i; j++) {
				const [a, b] = [boxes[i][1], boxes[j][1]];
				if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
					problems.push(name(boxes[i][0]) + ' lies over ' + name(boxes[j][0]));
			}
	}
	return count;
}

// Plots have a size, and bars begin and end inside them.
function checkBars() {
	const bars = document.querySelectorAll('.bar, .seg');
	for (const bar of bars) {
		const plot = bar.closest('svg').getBoundingClientRect(), box = bar.getBoundingClientRect();
		if (plot.width < 100 || box.left < plot.left - 1 || box.right > plot.right + 1)
			problems.push('a bar leaves its plot');
	}
	return bars.length;
}

addEventListener('load', () => {
	for (const details of document.querySelectorAll('details'))
		details.open = true;
	checkWidth();
	const labels = checkLabels(), bars = checkBars();
	const foreign = document.querySelectorAll('script, img, iframe, object, [onerror]').length - 1;
	if (foreign)
		problems.push(foreign + ' elements that a file put there');
	const dark = getComputedStyle(document.body).backgroundColor;
	document.title = 'CHECKED ' + innerWidth + ' wide, ' + labels + ' labels, ' + bars + ' bars, on ' + dark +
		(problems.length ? '; ' + problems.join('; ') : '');
});

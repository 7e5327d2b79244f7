/* The numbers of a chart as tables, for those who do not see the curves, or want to know exactly. Made when somebody
 * opens them, and kept up to date now and then while they are open. */
"use strict";

const numbersTable = (() => {
    const head = (...words) => el("thead", {}, el("tr", {}, words.map((word) => el("th", {scope: "col"}, word))));
    const title = ({run, name}) => run + " · " + name;
    const first = (list) => list[0], last = (list) => list[list.length - 1];

    /* A line for each curve: where it began, where it is, and how far it went. */
    function summary(curves) {
        const caption = state.now.from === null ? "Each curve" : "Each curve, where it is zoomed to";
        return el("table", {}, el("caption", {}, caption),
            head("curve", "values", "first", "last", "least", "greatest"),
            el("tbody", {}, curves.map((curve) => {
                const {values, steps, count} = curve.series;
                let low = -1, high = -1;
                values.forEach((value, i) => {
                    if (Number.isNaN(value)) return;
                    if (low < 0 || value < values[low]) low = i;
                    if (high < 0 || value > values[high]) high = i;
                });
                const where = (i) => (i < 0 ? "–" : say.number(values[i]) + " at step " + say.count(steps[i]));
                return el("tr", {}, el("th", {scope: "row"}, title(curve)), el("td", {}, say.count(count)),
                    [first, last].map((end) => el("td", {}, values.length ? say.number(end(values)) : "–")),
                    el("td", {}, where(low)), el("td", {}, where(high)));
            })));
    }

    /* Some twenty steps, evenly spread over what the chart shows, and each curve's value nearest to them. */
    function steps(curves) {
        const some = curves.slice(0, 12).filter(({series}) => series.steps.length), rows = new Set();
        if (!some.length) return null;
        const begin = Math.min(...some.map(({series}) => first(series.steps)));
        const end = Math.max(...some.map(({series}) => last(series.steps)));
        for (let i = 0; i <= 20; i++) rows.add(Math.round(begin + ((end - begin) * i) / 20));
        const caption = "Some of the steps" + (curves.length > 12 ? ", of the first 12 curves" : "");
        return el("table", {}, el("caption", {}, caption), head("step", ...some.map(title)),
            el("tbody", {}, [...rows].map((step) => el("tr", {}, el("th", {scope: "row"}, say.count(step)),
                some.map(({series}) => el("td", {}, say.number(series.values[Series.nearest(series.steps, step)])))))));
    }

    return {
        details(name, curves) {
            const body = el("div.scroll", {tabIndex: 0, role: "region", "aria-label": "The numbers of " + name});
            const details = el("details.numbers", {}, el("summary", {}, "Numbers"), body);
            let filled = -Infinity;
            const fill = () => {
                if (!details.open || performance.now() - filled < 2000) return;
                filled = performance.now();
                body.replaceChildren(summary(curves()), steps(curves()) ?? "");
            };
            details.addEventListener("toggle", () => {
                filled = -Infinity;
                fill();
            });
            details.refresh = fill;
            return details;
        },
    };
})();

/* The last evaluation of the current run: which class was taken for which, the worst mistakes, and some samples. */
"use strict";

const evaluationTab = (() => {
    let run = null, found = null, failed = "", wanted = 0, shares = false;
    const tableMost = 30; // classes; more are drawn as a picture, beside a list of what is confused most

    async function load() {
        const current = store.current();
        if (run !== (current?.name ?? null)) found = null;
        run = current?.name ?? null;
        failed = "";
        const mine = ++wanted;
        if (current && current.evaluation !== null) {
            try {
                const answer = await server.get("/api/evaluation", {run});
                if (mine === wanted) found = answer;
            } catch (error) {
                if (mine === wanted) failed = error.message;
            }
        }
        if (mine === wanted) render();
    }

    const nameOf = (i) => found.classes?.[i] ?? String(i);
    const sum = (list) => list.reduce((a, b) => a + b, 0);

    /* ---- the matrix ---- */

    function cell(count, all, target, predicted) {
        const share = all ? count / all : 0, right = target === predicted;
        const strength = Math.round(100 * Math.sqrt(share)); // few mistakes among many are to be seen
        const title = say.count(count) + " of " + say.count(all) + " " + nameOf(target) + " (" + say.percent(share) +
            ") are " + (right ? "recognised" : "taken for " + nameOf(predicted));
        return el("td" + (right ? ".right" : "") + (strength > 55 ? ".strong" : ""), {
            title, style: "--share: " + strength + "%",
        }, count === 0 ? "" : shares ? (100 * share).toFixed(share < 0.0995 ? 1 : 0) : String(count));
    }

    function matrix() {
        const {matrix: rows} = found, columns = rows.map((_, i) => sum(rows.map((row) => row[i])));
        const caption = "Rows: what a sample is. Columns: what it was taken for." +
            (shares ? " In percent of the row." : "");
        const head = el("tr", {}, el("th.corner", {scope: "col"}, "is ↓   taken for →"),
            rows.map((_, i) => el("th", {scope: "col"}, el("span", {}, nameOf(i)))),
            el("th.edge", {scope: "col", title: "How many of a class are recognised"}, "found"));
        const body = rows.map((row, i) => el("tr", {}, el("th", {scope: "row"}, nameOf(i)),
            row.map((count, j) => cell(count, sum(row), i, j)), el("td.edge", {}, say.percent(row[i] / sum(row)))));
        const foot = el("tr", {},
            el("th", {scope: "row", title: "How many of those taken for a class are of it"}, "right"),
            rows.map((row, i) => el("td.edge", {}, columns[i] ? (100 * row[i] / columns[i]).toFixed(0) : "–")),
            el("td.edge", {}, say.percent(found.right / found.count)));
        return el("table.matrix", {}, el("caption.hidden", {}, caption),
            el("thead", {}, head), el("tbody", {}, body), el("tfoot", {}, foot));
    }

    function confusions(most) {
        const pairs = [];
        found.matrix.forEach((row, i) => row.forEach((count, j) => {
            if (i !== j && count) pairs.push([count, i, j, sum(row)]);
        }));
        pairs.sort((a, b) => b[0] - a[0]);
        const head = el("tr", {}, el("th", {scope: "col"}, "is"), el("th", {scope: "col"}, "taken for"),
            el("th.number", {scope: "col", colSpan: 2}, "how often"));
        const rows = pairs.slice(0, most).map(([count, i, j, all]) => el("tr", {}, el("td", {}, nameOf(i)),
            el("td", {}, nameOf(j)), [say.count(count), say.percent(count / all)].map((words) => el("td.number", {}, words))));
        return el("table.plain", {}, el("caption", {}, "Confused most"), el("thead", {}, head), el("tbody", {}, rows));
    }

    /* A point for each pair of classes. */
    function map() {
        const {matrix: rows} = found, n = rows.length;
        const canvas = el("canvas.map", {
            width: n, height: n, role: "img",
            "aria-label": "The matrix as a picture; the table beside it has what is confused most.",
        });
        const image = new ImageData(n, n), [r, g, b] = theme.colour("accent").match(/\d+/g).map(Number);
        rows.forEach((row, i) => {
            const all = sum(row) || 1;
            row.forEach((count, j) => image.data.set([r, g, b, 255 * Math.sqrt(count / all)], 4 * (i * n + j)));
        });
        canvas.getContext("2d").putImageData(image, 0, 0);
        return canvas;
    }

    /* ---- pictures ---- */

    function picture({width, height, channels, pixels}) {
        const canvas = el("canvas", {width: width || 1, height: height || 1, "aria-hidden": "true"});
        if (!pixels) return canvas;
        const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0)), all = width * height;
        if (bytes.length !== all * channels) return canvas;
        const image = new ImageData(width, height);
        for (let i = 0; i < all; i++)
            image.data.set([0, 1, 2].map((c) => bytes[channels === 3 ? c * all + i : i]).concat(255), 4 * i);
        canvas.getContext("2d").putImageData(image, 0, 0);
        return canvas;
    }

    function figure(sample) {
        const right = sample.target === sample.predicted, is = nameOf(sample.target), taken = nameOf(sample.predicted);
        const sure = Number.isFinite(sample.probability) ? say.percent(sample.probability) : "";
        const loss = "loss " + say.number(sample.loss, 3);
        return el("figure" + (right ? ".right" : ""), {title: "sample " + sample.index + ", " + loss}, picture(sample),
            el("figcaption", {}, el("b", {}, is), right ? null : el("span.taken", {}, "taken for " + taken),
                el("small", {}, sure ? sure + (right ? "" : " " + is) : loss)));
    }

    function render() {
        $("#evaluation-empty").hidden = Boolean(found);
        $("#evaluation-empty").textContent = failed || (!store.current() ? "" :
            "This run has no evaluation. fac_run_evaluate in its program makes one.");
        $("#evaluation-body").hidden = !found;
        if (!found || state.now.tab !== "evaluation") return;
        const {right, count, loss, step} = found, small = found.matrix.length <= tableMost;
        $("#evaluation-words").textContent = say.count(right) + " of " + say.count(count) + " right, " +
            say.percent(right / count, 2) + " · loss " + say.number(loss) + " · at step " + say.count(step);
        $("#matrix").replaceChildren(small ? matrix() : map(), confusions(small ? 12 : 30));
        $("#matrix-shares").setAttribute("aria-pressed", shares);
        $("#matrix-counts").setAttribute("aria-pressed", !shares);
        $("#matrix-ways").hidden = !small;
        const worst = found.worst.filter((sample) => sample.target !== sample.predicted);
        $("#worst").replaceChildren(...worst.map(figure));
        $("#worst-empty").hidden = worst.length > 0;
        $("#samples").replaceChildren(...found.samples.map(figure));
    }

    return {
        start() {
            bus.on("current", "connected", "reconnected", load);
            bus.on("event:evaluation", (event) => {
                const current = store.current();
                if (current && event.run === current.name) {
                    current.evaluation = event.step;
                    load();
                }
            });
            bus.on("view", (changes) => {
                if ("tab" in changes) render();
            });
            bus.on("theme", render);
            for (const [id, value] of [["#matrix-shares", true], ["#matrix-counts", false]])
                $(id).addEventListener("click", () => {
                    shares = value;
                    render();
                });
        },
    };
})();

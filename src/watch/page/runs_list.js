/* The list of runs at the side: which are compared, which one the other tabs show, how they stand; renaming and
 * deleting. */
"use strict";

const runsList = (() => {
    const rows = new Map(); // name: {element, update}
    let filter = "";

    const nameOk = (name) => (/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(name) ? "" :
        "A name has letters, digits, “.”, “_” and “-”, not a “.” first, and at most 100 of them.");

    async function rename(run) {
        const title = "Rename " + run.name;
        const to = await ask({title, field: "New name", value: run.name, action: "Rename", check: nameOk});
        if (to === null || to === run.name) return;
        try {
            await store.rename(run.name, to);
            notify(run.name + " is now " + to + ".");
        } catch (error) {
            notify(error.message, true);
        }
    }

    async function remove(run) {
        const text = "Its folder with " + say.count(run.points) + " logged values is removed. This cannot be undone.";
        if (!(await ask({title: "Delete " + run.name + "?", text, action: "Delete", danger: true}))) return;
        try {
            await store.remove(run.name);
            notify(run.name + " was deleted.");
        } catch (error) {
            notify(error.message, true);
        }
    }

    function standing(run) {
        const step = "step " + say.count(run.step);
        if (run.live && run.ended === null)
            return run.paused ? "paused at " + step : step + (run.steps ? " of " + say.count(run.steps) : "");
        const steps = run.step < 1e5 ? say.count(run.step) : say.short(run.step);
        return run.outcome + " " + say.ago(run.ended ?? run.started) + " · " + steps + " steps";
    }

    /* The run that the other tabs show is spread out: what was noted, and what can be done with it. */
    function more(run) {
        const notes = Object.entries(run.notes || {}).map(([key, text]) =>
            el("div", {}, el("dt", {}, key), el("dd", {}, text)));
        const change = (name, picture, onclick) => el("button", {
            type: "button", "data-do": name.toLowerCase(), onclick,
            disabled: run.live, title: run.live ? "A run that is still going on cannot be changed." : null,
        }, icon(picture), name);
        const csv = {href: server.url("/api/csv", {run: run.name}), download: run.name + ".csv", "data-do": "csv"};
        return el("div.more", {}, notes.length ? el("dl", {}, notes) : null, el("div.buttons", {},
            change("Rename", "pencil", () => rename(run)), change("Delete", "trash", () => remove(run)),
            el("a.button", csv, icon("save"), "CSV")));
    }

    function row(name) {
        const pick = el("input", {
            type: "checkbox", "aria-label": "Compare " + name, onchange: () => store.choose(name, pick.checked),
        });
        const dot = el("span.live", {title: "still going on"}, el("span.hidden", {}, " live"));
        const button = el("button.name", {
            type: "button", title: name + " (double click: only this one)",
            onclick: () => store.select(name), ondblclick: () => store.only(name),
        }, el("span", {}, name), dot);
        const last = el("span.last"), line = el("div.standing"), rest = el("div");
        const element = el("li.run", {"data-run": name}, pick, button, last, line, rest);
        let spread = ""; // what `rest` shows

        return {
            element,
            update() {
                const run = store.run(name), current = store.current() === run, curve = store.lossCurve(run);
                element.style.setProperty("--run", palette.of(name));
                element.classList.toggle("current", current);
                button.setAttribute("aria-current", current);
                pick.checked = store.isChosen(name);
                dot.hidden = !run.live;
                const value = curve && run.last ? run.last[curve] : undefined;
                last.textContent = value === undefined ? "" : say.number(value);
                last.title = curve ? "last " + curve : "";
                line.textContent = standing(run);
                const now = current ? JSON.stringify([run.notes, run.live, run.points > 0]) : "";
                if (now !== spread) rest.replaceChildren(current ? more(run) : "");
                spread = now;
            },
        };
    }

    function render() {
        const list = $("#runs"), runs = store.runs.filter((run) => run.name.toLowerCase().includes(filter));
        for (const [name, {element}] of rows) {
            if (runs.some((run) => run.name === name)) continue;
            element.remove();
            rows.delete(name);
        }
        runs.forEach((run, i) => {
            if (!rows.has(run.name)) rows.set(run.name, row(run.name));
            const {element, update} = rows.get(run.name);
            if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
            update();
            if (i < 100) store.lastOf(run);
        });
        $("#filter").hidden = store.runs.length < 8;
        $("#no-runs").hidden = store.runs.length > 0;
        $("#welcome").hidden = store.runs.length > 0;
        document.title = (store.current() ? store.current().name + " · " : "") + "facula";
    }

    /* On a phone the list lies over the page, until something else is pressed. */
    function drawer(open) {
        document.body.classList.toggle("drawer", open);
        $("#open-runs").setAttribute("aria-expanded", open);
        if (open) $("#runs input")?.focus();
    }

    return {
        start() {
            const soon = once(render);
            bus.on("runs", "chosen", "current", "theme", soon);
            let due = 0;
            bus.on("data", "state", () => { // numbers that change too fast cannot be read
                due ||= setTimeout(() => {
                    due = 0;
                    soon();
                }, 250);
            });
            setInterval(soon, 30000); // "2 min ago"
            $("#filter").addEventListener("input", (event) => {
                filter = event.target.value.toLowerCase();
                soon();
            });
            $("#open-runs").addEventListener("click", () => drawer(!document.body.classList.contains("drawer")));
            $("#veil").addEventListener("click", () => drawer(false));
            addEventListener("keydown", (event) => {
                if (event.key !== "Escape" || !document.body.classList.contains("drawer")) return;
                drawer(false);
                $("#open-runs").focus();
            });
        },
    };
})();

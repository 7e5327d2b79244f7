/* The tabs: one is shown, and the arrow keys go from one to the next. */
"use strict";

const tabs = (() => {
    const names = ["curves", "layers", "model", "evaluation", "drawing"];

    function render() {
        const now = names.includes(state.now.tab) ? state.now.tab : names[0];
        for (const name of names) {
            const tab = $("#tab-" + name), mine = name === now;
            tab.setAttribute("aria-selected", mine);
            tab.tabIndex = mine ? 0 : -1;
            $("#panel-" + name).hidden = !mine;
        }
        const run = store.current();
        $("#of").hidden = now === "curves" || !run;
        if (run) {
            $("#of").style.setProperty("--run", palette.of(run.name));
            const choice = $("#of select"), all = JSON.stringify(store.runs.map((one) => one.name));
            if (choice.dataset.all !== all) {
                choice.dataset.all = all;
                choice.replaceChildren(...store.runs.map((one) => el("option", {value: one.name}, one.name)));
            }
            choice.value = run.name;
        }
    }

    return {
        names,
        show(name) {
            state.set({tab: name});
            $("#tab-" + name).focus();
        },
        start() {
            for (const name of names) $("#tab-" + name).addEventListener("click", () => tabs.show(name));
            $("[role=tablist]").addEventListener("keydown", (event) => {
                const move = {ArrowLeft: -1, ArrowRight: 1}[event.key];
                if (!move) return;
                event.preventDefault();
                tabs.show(names[(names.indexOf(state.now.tab) + move + names.length) % names.length]);
            });
            $("#of select").addEventListener("change", (event) => store.select(event.target.value));
            bus.on("view", "current", "runs", "theme", render);
        },
    };
})();

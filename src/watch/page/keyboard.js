/* Keys that work everywhere on the page, except where something is typed or the key has a meaning of its own. */
"use strict";

const keyboard = (() => {
    const typing = "input, textarea, select, [contenteditable]";
    const pressing = "button, a, summary, [role=tab], #drawing"; // Space and Enter press these

    function help() {
        const dialog = $("#help");
        if (dialog.open) dialog.close();
        else dialog.showModal();
    }

    const actions = {
        " ": () => steering.toggle(),
        ".": () => steering.one(),
        n: () => steering.one(),
        "?": help,
        t: () => theme.toggle(),
        f: () => frames.toggle(),
        l: () => state.set({logx: !state.now.logx}),
    };

    return {
        start() {
            addEventListener("keydown", (event) => {
                const target = event.target instanceof Element ? event.target : document.body;
                if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
                if ($("dialog[open]") && event.key !== "?") return;
                const typed = target.matches('input[type="range"], input[type="checkbox"]') ? event.key === " " :
                    target.closest(typing);
                if (typed) return;
                if (event.key === " " && target.closest(pressing)) return;
                const tab = tabs.names[Number(event.key) - 1];
                const action = actions[event.key.toLowerCase()] ?? (tab && (() => tabs.show(tab)));
                if (!action) return;
                event.preventDefault();
                action();
            });
            $("#help-button").addEventListener("click", help);
            $("#help").addEventListener("click", (event) => {
                if (event.target === $("#help")) $("#help").close(); // beside it
            });
        },
    };
})();

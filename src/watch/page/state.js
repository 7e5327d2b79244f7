/* What the page shows stands in its address, behind the "#", so that it can be bookmarked, sent, and reloaded:
 *   run=NAME  a run whose curves are compared, again for each      of=NAME  the run of the other tabs and the controls
 *   tab=layers   smooth=0.9   x=time   logx=1   logy=loss,learning rate   from=100&to=200  the zoom                    */
"use strict";

const state = (() => {
    const first = {
        run: null, of: null, tab: "curves", smooth: 0, x: "step", logx: false, logy: [], from: null, to: null,
    };
    const now = {...first};

    const finite = (text) => (text !== null && text !== "" && Number.isFinite(Number(text)) ? Number(text) : null);
    function read() {
        const hash = new URLSearchParams(location.hash.slice(1));
        now.run = hash.has("run") ? hash.getAll("run").filter(Boolean) : null; // null: nobody chose
        now.of = hash.get("of");
        now.tab = hash.get("tab") || first.tab;
        now.smooth = Math.min(0.999, Math.max(0, finite(hash.get("smooth")) || 0));
        now.x = hash.get("x") === "time" ? "time" : "step";
        now.logx = hash.get("logx") === "1";
        now.logy = (hash.get("logy") || "").split(",").filter(Boolean);
        now.from = finite(hash.get("from"));
        now.to = finite(hash.get("to"));
        if (now.from === null || now.to === null || now.from >= now.to) now.from = now.to = null;
    }

    const write = later(150, () => {
        const hash = new URLSearchParams();
        if (now.run) for (const name of now.run.length ? now.run : [""]) hash.append("run", name);
        if (now.of) hash.set("of", now.of);
        if (now.tab !== first.tab) hash.set("tab", now.tab);
        if (now.smooth) hash.set("smooth", now.smooth);
        if (now.x !== first.x) hash.set("x", now.x);
        if (now.logx) hash.set("logx", "1");
        if (now.logy.length) hash.set("logy", now.logy.join(","));
        if (now.from !== null) {
            hash.set("from", Number(now.from.toPrecision(8)));
            hash.set("to", Number(now.to.toPrecision(8)));
        }
        const text = String(hash);
        history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
    });

    return {
        now,
        /* Takes these over; who shows them hears "view". */
        set(changes) {
            Object.assign(now, changes);
            write();
            bus.tell("view", changes);
        },
        start() {
            read();
            addEventListener("hashchange", () => {
                read();
                bus.tell("view", now);
            });
        },
    };
})();

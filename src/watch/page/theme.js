/* Light and dark: the system's, unless somebody chose. What draws on a canvas asks here for the colours of page.css. */
"use strict";

const theme = (() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const chosen = () => {
        try {
            return localStorage.getItem("facula-theme");
        } catch {
            return null; // storage is forbidden
        }
    };
    let known = new Map();

    function apply() {
        const choice = chosen();
        if (choice) document.documentElement.dataset.theme = choice;
        else delete document.documentElement.dataset.theme;
        known = new Map();
        const button = $("#theme");
        if (button) {
            button.replaceChildren(icon(theme.dark() ? "sun" : "moon"));
            button.setAttribute("aria-label", theme.dark() ? "Light theme" : "Dark theme");
            button.title = button.getAttribute("aria-label");
        }
        bus.tell("theme");
    }

    return {
        dark: () => (chosen() ? chosen() === "dark" : system.matches),
        toggle() {
            const wanted = theme.dark() ? "light" : "dark";
            try {
                // The system's own choice is not stored, so that the page follows when it changes.
                if ((wanted === "dark") === system.matches) localStorage.removeItem("facula-theme");
                else localStorage.setItem("facula-theme", wanted);
            } catch {
                return;
            }
            apply();
        },
        /* "line" is what var(--line) is now, as the browser computes it. */
        colour(name) {
            if (!known.has(name)) {
                const probe = el("i", {style: "color: var(--" + name + ")"});
                document.body.append(probe);
                known.set(name, getComputedStyle(probe).color);
                probe.remove();
            }
            return known.get(name);
        },
        start() {
            system.addEventListener("change", apply);
            $("#theme").addEventListener("click", theme.toggle);
            apply();
        },
    };
})();

/* Runs are told apart by colours, ten of them on light and on dark ground; the next ten are the same, nearer to the
 * ink. */
const palette = (() => {
    const light = [
        "#2a67c9", "#0e857a", "#8350c4", "#c73a6b", "#9a6c00", "#48851d", "#0a7fac", "#c43f2c", "#5c6877", "#a23dab",
    ];
    const dark = [
        "#74a8ff", "#41c7b7", "#b798f7", "#f684aa", "#deb146", "#90cc60", "#58c1e9", "#f68e7d", "#a8b4c4", "#df8be8",
    ];
    const known = new Map();

    const mix = (a, b, share) => "#" + [1, 3, 5].map((i) => {
        const [x, y] = [parseInt(a.slice(i, i + 2), 16), parseInt(b.slice(i, i + 2), 16)];
        return Math.round(x + (y - x) * share).toString(16).padStart(2, "0");
    }).join("");

    return {
        /* Colours follow the order in which runs were first seen, and stay with them. */
        meet(names) {
            for (const name of names) if (!known.has(name)) known.set(name, known.size);
        },
        rename(from, to) {
            if (known.has(from)) known.set(to, known.get(from));
        },
        of(name) {
            palette.meet([name]);
            const number = known.get(name), base = (theme.dark() ? dark : light)[number % 10];
            return number % 20 < 10 ? base : mix(base, theme.dark() ? "#ffffff" : "#000000", 0.4);
        },
    };
})();

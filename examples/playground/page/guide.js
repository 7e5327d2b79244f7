/* The way through the lesson: what a step says, what there is to do in it, and what is to be seen then. */
"use strict";

const guide = (() => {
    const at = () => Math.max(0, Math.min(lessonSteps.length - 1, Math.floor(Number(settings.view.step)) || 0));
    const done = new Set(); // "step,task"

    /* **bold**, `code` and [text](address) of a step's text. */
    function prose(text) {
        const parts = text.split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)]+\))/);
        return parts.map((part) => {
            if (part.startsWith("**")) return el("strong", {}, part.slice(2, -2));
            if (part.startsWith("`")) return el("code", {}, part.slice(1, -1));
            const link = part.match(/^\[([^\]]+)\]\(([^)]+)\)$/);
            return link ? el("a", {href: link[2]}, link[1]) : part;
        });
    }

    async function act(task, key, box) {
        done.add(key);
        tell(task, box);
        if (!task.set) return task.act();
        await settings.change({...settings.first, speed: "100", ...task.set});
        await play.ask("reset");
        await play.ask("play");
    }

    /* What is to be seen, in the box of its task. */
    function tell(task, box) {
        box.classList.add("done");
        $(".then", box).replaceChildren(...prose(task.then));
    }

    function draw() {
        const number = at(), step = lessonSteps[number];
        $("#guide-title").textContent = step.title;
        $("#guide-count").textContent = number + 1 + " of " + lessonSteps.length;
        $("#guide-text").replaceChildren(...step.text.map((text) => el("p", {}, ...prose(text))));
        $("#guide-tasks").replaceChildren(...step.tasks.map((task, i) => {
            const key = number + "," + i;
            const box = el("div.task", {}, el("button.do", {type: "button", onclick: () => act(task, key, box)}, task.label), el("p.then", {"aria-live": "polite"}));
            if (done.has(key)) tell(task, box);
            return box;
        }));
        $("#guide-back").disabled = number === 0;
        $("#guide-next").disabled = number === lessonSteps.length - 1;
        $("#guide-dots").replaceChildren(...lessonSteps.map((other, i) => el("button", {type: "button", "aria-label": "Step " + (i + 1) + ": " + other.title,
            title: other.title, "aria-current": i === number ? "step" : null, onclick: () => go(i)})));
    }

    function go(number) {
        settings.setView({step: String(number)});
        $("#guide-title").focus({preventScroll: true});
    }

    return {
        start() {
            $("#guide-back").addEventListener("click", () => go(at() - 1));
            $("#guide-next").addEventListener("click", () => go(at() + 1));
            let drawn = -1;
            bus.on("view", () => {
                if (drawn !== at()) draw();
                drawn = at();
            });
            draw();
        },
    };
})();

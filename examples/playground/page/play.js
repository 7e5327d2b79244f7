/* What runs: events of the program, play, pause, step and reset, the numbers at the top, the lines of the lesson, the program in C. */
"use strict";

const play = (() => {
    let playing = false;

    async function ask(action) {
        try {
            await server.post("/api/action", {action});
        } catch (error) {
            notify(error.message, true);
        }
    }

    /* ---- what comes --------------------------------------------------------------------------------------------- */

    function unpack(look) {
        look.surface = new Uint16Array(paint.bytes(look.surface).buffer);
        for (const layer of look.layers) for (const map of layer.maps || []) map.cells = paint.bytes(map.cells);
        return look;
    }

    function showState(state) {
        const button = $("#play");
        playing = state.playing;
        $("span", button).textContent = playing ? "Pause" : "Play";
        $("use", button).setAttribute("href", playing ? "#icon-pause" : "#icon-play");
        document.body.classList.toggle("playing", playing);
        const message = $("#message");
        if (message.textContent !== state.message) message.textContent = state.message;
        message.hidden = !state.message;
        settings.take(state);
    }

    const pair = (values, words) => words(values[0]) + (values[1] === null ? "" : " / " + words(values[1]));

    function showLook(look) {
        $("#epoch").textContent = say.count(look.epoch);
        $("#loss").textContent = look.diverged ? "no number" : pair(look.score.loss, (v) => (v === null ? "–" : say.brief(v, look.score.loss[1] === null ? 4 : 3)));
        $("#accuracy").textContent = look.diverged ? "–" : pair(look.score.accuracy, (v) => (v === null ? "–" : v.toFixed(v === 100 ? 0 : 1) + " %"));
        $("#rate").textContent = look.rate === null ? "–" : say.count(Number(look.rate.toPrecision(3)));
        const lines = look.lines.map(([epoch, of, loss]) => "Epoch [" + epoch + (of ? "/" + of : "") + "], Loss: " + loss);
        const text = (lines.join("\n") || "Epochs print a line now and then.") + (!look.playing && look.predictions && look.epoch ? "\nFinal predictions:\n" + look.predictions : "");
        const pre = $("#lines");
        if (pre.textContent !== text) {
            pre.textContent = text;
            pre.scrollTop = pre.scrollHeight;
        }
        bus.tell("look", unpack(look));
    }

    const topics = {state: showState, points: (points) => bus.tell("points", points), look: showLook, curve: (curve) => bus.tell("curve", curve)};

    async function refresh() {
        try {
            const all = await server.get("/api/now");
            for (const [name, take] of Object.entries(topics)) if (all[name]) take(all[name]);
            return all;
        } catch (error) {
            notify(error.message, true);
            return {};
        }
    }

    /* ---- what is done ------------------------------------------------------------------------------------------- */

    async function copy(text, what) {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            const area = el("textarea", {value: text, className: "hidden"}), box = $("dialog[open]") || document.body;
            box.append(area);
            area.select();
            document.execCommand("copy");
            area.remove();
        }
        notify(what + " is copied.");
    }

    return {
        ask,
        copy,
        start() {
            $("#play").addEventListener("click", () => ask(playing ? "pause" : "play"));
            $("#step").addEventListener("click", () => ask("step"));
            $("#reset").addEventListener("click", () => ask("reset"));
            $("#copy-link").addEventListener("click", () => copy(location.href, "The link"));
            document.addEventListener("keydown", (event) => {
                if (event.key !== " " || event.target !== document.body) return;
                event.preventDefault();
                ask(playing ? "pause" : "play");
            });
            bus.on("refresh", refresh);
            for (const name of Object.keys(topics)) bus.on("event:" + name, topics[name]);
            bus.on("connected", refresh);
            bus.on("reconnected", async () => {
                const all = await refresh();
                if (all.state && all.state.version < settings.known) settings.restart();
            });
            addEventListener("hashchange", settings.fromAddress);
            settings.fromAddress();
            server.listen(Object.keys(topics));
        },
    };
})();

const program = (() => {
    const kinds = /(\/\*[^]*?\*\/)|("(?:[^"\\]|\\.)*")|\b(int|long|double|float|const|static|void|char|return|for|if|enum)\b|\b(fac_\w+|FAC_\w+)\b|(^#.*$)/gm;
    const names = ["comment", "string", "keyword", "facula", "directive"];
    let text = "";

    function coloured(code) {
        const parts = [];
        let end = 0;
        for (const match of code.matchAll(kinds)) {
            parts.push(code.slice(end, match.index), el("span." + names[match.slice(1).findIndex(Boolean)], {}, match[0]));
            end = match.index + match[0].length;
        }
        return [...parts, code.slice(end)];
    }

    return {
        async show() {
            try {
                text = await server.text("/api/program");
            } catch (error) {
                return notify(error.message, true);
            }
            $("#program-text").replaceChildren(...coloured(text));
            $("#program").showModal();
            $("#program pre").scrollTop = 0;
        },
        start() {
            $("#show-program").addEventListener("click", program.show);
            $("#copy-program").addEventListener("click", () => play.copy(text, "The program"));
            $("#save-program").addEventListener("click", () => save(new Blob([text], {type: "text/x-c"}), "playground.c"));
            $("#close-program").addEventListener("click", () => $("#program").close());
            $("#program").addEventListener("click", (event) => event.target === $("#program") && $("#program").close());
        },
    };
})();

theme.start();
controls.start();
guide.start();
network.start();
plane.start();
plots.start();
program.start();
play.start();

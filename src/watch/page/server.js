/* The way to the program that serves this page: requests, and the events that it pushes. */
"use strict";

const server = (() => {
    let lost = false; // whether the events broke off

    async function answer(request) {
        let response;
        try {
            response = await request;
        } catch {
            throw new Error("The program that served this page does not answer.");
        }
        const text = await response.text();
        let json = null;
        try {
            json = JSON.parse(text);
        } catch {
            // told below
        }
        if (!response.ok) throw new Error(json?.error || "The server answered with an error, " + response.status + ".");
        if (json === null && text !== "") throw new Error("The server answered with something that is not JSON.");
        return json;
    }

    const url = (path, parameters) => {
        const query = new URLSearchParams();
        for (const [key, value] of Object.entries(parameters || {}))
            for (const one of [value].flat()) if (one !== null && one !== undefined) query.append(key, one);
        return path + (query.size ? "?" + query : "");
    };

    function connected(yes) {
        const sign = $("#connection");
        sign.className = yes ? "connected" : "lost";
        sign.textContent = yes ? "connected" : "no connection, trying again…";
    }

    return {
        url,
        get: (path, parameters) => answer(fetch(url(path, parameters))),
        post: (path, body) => answer(fetch(path, {
            method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
        })),
        /* The rows of a download, for all who would not have them as a file. */
        async text(path, parameters) {
            const response = await fetch(url(path, parameters));
            if (!response.ok) throw new Error("The server answered with an error, " + response.status + ".");
            return response.text();
        },
        /* Every event of these names goes to the bus as "event:NAME". What came before
         * "connected", or between two connections, before "reconnected", is to be asked for. */
        listen(names) {
            const source = new EventSource("/events");
            source.onopen = () => {
                connected(true);
                bus.tell(lost ? "reconnected" : "connected");
                lost = false;
            };
            source.onerror = () => {
                lost = true;
                connected(false);
                // A browser gives up when the answer was no stream of events, say from a proxy.
                if (source.readyState === EventSource.CLOSED) setTimeout(server.listen, 3000, names);
            };
            for (const name of names)
                source.addEventListener(name, (event) => bus.tell("event:" + name, JSON.parse(event.data)));
        },
    };
})();

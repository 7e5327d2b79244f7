# A page of the docs as Doxygen is to see it: headings get the anchors that links on GitHub's pages go to, and links lead
# to the site's own pages. What is in the tree and not on the site, tools/site/site copies to files/.

function slug(s) {
    s = tolower(s)
    gsub(/[^a-z0-9 _-]/, "", s)
    gsub(/ /, "-", s)
    return s
}
function id_of(path) {
    sub(/.*\//, "", path)
    sub(/\.md$/, "", path)
    gsub(/-/, "_", path)
    return tolower(path)
}
function page(id) { return (id == "readme" ? "index" : id) ".html" }
function flat(path) { # without the "..", from the top of the tree
    path = folder path
    while (sub(/[^\/.]+\/\.\.\//, "", path)) {}
    return path
}
# Where on the site a link of this page leads.
function target(link,    anchor, path) {
    if (link ~ /^[a-z]+:/) return link
    anchor = ""
    if (match(link, /#/)) { anchor = substr(link, RSTART + 1); link = substr(link, 1, RSTART - 1) }
    if (link == "") return page(id) "#" id "_" anchor
    path = flat(link)
    if (path ~ /^(docs\/[^\/]*|README|CONTRIBUTING)\.md$/)
        return page(id_of(path)) (anchor == "" ? "" : "#" id_of(path) "_" anchor)
    if (path ~ /\.(png|svg)$/) { sub(/.*\//, "", path); return path }
    if (path ~ /^examples\/[a-z0-9_]*\.c$/) {
        sub(/.*\//, "", path)
        gsub(/_/, "__", path)
        sub(/\./, "_8", path)
        return path "-example.html"
    }
    if (path ~ /^examples(\/playground)?$/) return "examples.html"
    if (path ~ /^include\/facula\//) {
        sub(/.*\//, "", path)
        gsub(/_/, "__", path)
        sub(/\./, "_8", path)
        return path ".html"
    }
    return "files/" path (path ~ /\.md$/ ? ".txt" : "") # Doxygen would look for a page
}

FNR == 1 {
    folder = FILENAME ~ /(^|\/)docs\/[^\/]*$/ ? "docs/" : ""
    id = id_of(FILENAME)
}
!titled && !/^# / { next } # Doxygen takes the first line for the title
/^ *```/ { fenced = !fenced; print; next }
fenced { print; next }
/^#+ / {
    text = $0
    sub(/^#+ /, "", text)
    if (!titled) { titled = 1; print $0 (id == "readme" ? "" : " {#" id "}"); next }
    name = slug(text)
    print $0 " {#" id "_" name (seen[name] ? "-" seen[name] : "") "}"
    seen[name]++
    next
}
{
    rest = $0
    line = ""
    while (match(rest, /\]\([^() ]*\)/)) {
        link = substr(rest, RSTART + 2, RLENGTH - 3)
        line = line substr(rest, 1, RSTART + 1)
        rest = substr(rest, RSTART + RLENGTH)
        line = line target(link) ")"
    }
    print line rest
}

# A public header as Doxygen is to see it: its plain comments become documentation, and what is internal goes.
#
# A comment stands for all declarations up to the next comment or empty line, so it is given to each of them. A line
# "---- name ----" begins a group. Comments behind a declaration or a field document that. Text is escaped where Doxygen
# would take it for commands; what is indented by four is code and stays as it is.

function escaped(s) {
    gsub(/[\\@<>#&%*]/, "\\\\&", s)
    gsub(/ \.\.( |$)/, " … ", s) # two would end a list
    sub(/^ \\\* \./, " * \\.", s)
    return s
}
function escape(s) {
    if (s ~ /^ \*     /) return s
    s = escaped(s)
    sub(/\\\*/, "*", s) # the star that begins the line
    return s
}
# Escaped, with /** or /**< in place of the opening.
function opened(s, opening,    end) {
    sub(/^\/\* ?/, "", s)
    end = s ~ / ?\*\/$/
    sub(/ ?\*\/$/, "", s)
    return opening " " escaped(s) (end ? " */" : "")
}
function closed(s) {
    if (s !~ /\*\/$/) return escape(s)
    sub(/ ?\*\/$/, "", s)
    return escape(s) " */"
}
function end_group() {
    if (in_group) print "/** @} */"
    in_group = 0
}

FNR == 1 {
    comment = $0
    if (sub(/^\/\* Floor [0-9]+[:.] /, "/* ", comment))
        comment = "/* " toupper(substr(comment, 4, 1)) substr(comment, 5)
    comment = opened(comment, "/** @file\n *")
    if ($0 ~ /\*\/$/) print comment
    else { print comment; in_file = 1 }
    next
}
in_file { print closed($0); if (/\*\/$/) in_file = 0; next }

# The internal parts of it, with all their lines.
/^#define (fac__|FAC__)/ { dropping = 1 }
dropping { dropping = /\\$/; print ""; next }

/^\/\* ---- .* -+ \*\/$/ {
    end_group()
    name = $0
    sub(/^\/\* ---- /, "", name)
    sub(/ -+ \*\/$/, "", name)
    print "/** @name " toupper(substr(name, 1, 1)) substr(name, 2) " */ /** @{ */"
    in_group = 1
    doc = ""
    next
}
/^(FAC_END|#ifdef __cplusplus)/ { end_group() }

# A comment by itself: kept for what follows.
/^\/\* clang-format/ { print ""; next }
/^\/\*/ { doc = opened($0, "/**"); in_doc = !/\*\/$/; next }
in_doc { doc = doc "\n" closed($0); in_doc = !/\*\/$/; next }

/^$/ { doc = "" }
/^static inline/ { in_body = 1 }
/^}/ { if (in_body) { in_body = 0; print; next } }
in_body { print; next }
continued { continued = /\\$/; print; next }

/^(FAC_API|typedef|struct|enum|extern|#define)/ && doc != "" { print doc }
{
    continued = /\\$/
    if (!continued && match($0, /\/\* /)) { # behind something on the same line
        print substr($0, 1, RSTART - 1) opened(substr($0, RSTART), "/**<")
        in_tail = !/\*\/$/
        if (in_tail) { while (in_tail && (getline line) > 0) { print closed(line); in_tail = line !~ /\*\/$/ } }
        next
    }
    print
}
END { end_group() }

"""The names that a file of C, preprocessed, has for itself, and how they get the file's name in front: for tools/amalgamate. It looks at
tokens, and knows of C's grammar what the library's sources need.
"""
import re

TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*|->|\.\.\.|\S|\s+')
WORD = re.compile(r"[A-Za-z_]\w*$")


def own_names(tokens):
    """The names that a file declares at its top level and shows nobody else."""
    names, declaration, depth, brackets = set(), [], 0, 0
    tokens = [t for t in tokens if not t.isspace()]
    i = 0
    while i < len(tokens):
        t = tokens[i]
        if t == "enum" and depth == 0:
            j = i + 1
            while tokens[j] not in "{;(=),*" and not (WORD.match(tokens[j - 1]) and tokens[j - 1] != "enum"):
                j += 1
            while tokens[j] not in ("{", ";", "(", ")", "=", ","):
                j += 1
            if tokens[j] == "{":
                expect, inner = True, 0
                j += 1
                while tokens[j] != "}" or inner:
                    if tokens[j] in "([{":
                        inner += 1
                    elif tokens[j] in ")]}":
                        inner -= 1
                    elif tokens[j] == "," and not inner:
                        expect = True
                    elif expect and WORD.match(tokens[j]):
                        names.add(tokens[j])
                        expect = False
                    j += 1
        if t in ("struct", "union", "enum") and WORD.match(tokens[i + 1]) and tokens[i + 2] == "{":
            names.add(tokens[i + 1])
        if t == "{":
            depth += 1
        elif t == "}":
            depth -= 1
            if depth == 0 and not brackets and "(" in declaration and "=" not in declaration and "typedef" not in declaration \
                    and not (declaration and declaration[0] in ("struct", "union", "enum")):
                names.update(declared(declaration))
                declaration = []
        elif depth == 0:
            declaration.append(t)
            if t == ";":
                names.update(declared(declaration))
                declaration = []
        i += 1
    return {n for n in names if not n.lower().startswith("fac_")}


def declared(tokens):
    """The name or names of one declaration without what stood in braces."""
    if "static" not in tokens and "typedef" not in tokens:
        return
    tokens = strip_attributes(tokens)
    if "typedef" in tokens:
        for i, t in enumerate(tokens):
            if t == "(" and tokens[i + 1] == "*" and WORD.match(tokens[i + 2]):  # a pointer to a function
                yield tokens[i + 2]
                return
        flat, inner = [], 0
        for t in tokens:
            inner += (t in "([") - (t in ")]")
            if not inner and t not in "()[]":
                flat.append(t)
        words = [t for t in flat if WORD.match(t)]
        yield words[-1]
        return
    inner, last, skip = 0, None, False
    for i, t in enumerate(tokens):
        if t in ("(", "["):
            if not inner and last and not skip:
                yield last
                if t == "(" and "=" not in tokens[:i]:
                    return
                last = None
            inner += 1
        elif t in (")", "]"):
            inner -= 1
        elif inner:
            continue
        elif t == "=":
            if last and not skip:
                yield last
            last, skip = None, True
        elif t in (",", ";"):
            if last and not skip:
                yield last
            last, skip = None, False
        elif WORD.match(t):
            last = t


def strip_attributes(tokens):
    out, i = [], 0
    while i < len(tokens):
        if tokens[i] in ("__attribute__", "_Alignas", "_Atomic", "__extension__", "_Static_assert") and i + 1 < len(tokens) \
                and tokens[i + 1] == "(":
            inner = 0
            i += 1
            while True:
                inner += (tokens[i] == "(") - (tokens[i] == ")")
                i += 1
                if not inner:
                    break
            continue
        out.append(tokens[i])
        i += 1
    return out


def rename(text, names, prefix):
    """Puts the file's name in front of its own names; not where they are the members of a struct."""
    tokens = TOKEN.findall(text)
    solid = [i for i, t in enumerate(tokens) if not t.isspace()]
    struct, stack = False, []  # stack: what each open bracket is of; 's' a struct's body, 'a' a list of attributes
    for k, i in enumerate(solid):
        t = tokens[i]
        before = tokens[solid[k - 1]] if k else ""
        after = tokens[solid[k + 1]] if k + 1 < len(solid) else ""
        if t in ("struct", "union"):
            struct = True
        elif t in (";", ")", "=", ","):
            struct = False
        if t in "([{" and len(t) == 1:
            attribute = t == "(" and before == "(" and k > 1 and tokens[solid[k - 2]] == "__attribute__"
            stack.append("a" if attribute else "s" if t == "{" and struct else t)
            struct = False
        elif t in ")]}" and len(t) == 1:
            stack.pop()
        if t not in names or before in (".", "->"):
            continue
        if stack and stack[-1] == "a":
            continue  # an attribute
        if stack and stack[-1] == "s" and before not in ("struct", "union", "enum") and after in (",", ";", "[", ":", "("):
            continue  # a member
        if len(stack) > 1 and stack[-2] == "s" and stack[-1] == "(" and before == "*" and after == ")":
            continue  # a member that points to a function
        tokens[i] = f"{prefix}__{t}"
    return "".join(tokens)

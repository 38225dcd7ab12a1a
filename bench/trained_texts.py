"""Sentences and files of what is installed: documentation texts of Python packages, and files of many types."""
import ast
import os
import random
import re
import sysconfig

SITE = sysconfig.get_paths()["purelib"]
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
PLAIN = re.compile(r"[A-Z][A-Za-z0-9 ,;:'\"()/.-]{28,280}[.!?]")
LARGEST_SOURCE = 200_000
# Sentences that are found for each that is taken.
CHOICE = 5
LEAST_OF_TYPE = 4
NOT_TAKEN = {"__pycache__", "tests", "test", ".git", "bench"}


def sentences(count, seed=0):
    """Sentences of docstrings and of package descriptions, none twice, in an order drawn from the seed."""
    rng, found, paths = random.Random(seed), set(), list(_files(SITE))
    rng.shuffle(paths)
    for path in paths:
        if len(found) >= CHOICE * count:
            break
        if path.endswith(".py"):
            texts = _docstrings(path)
        elif path.endswith("/METADATA"):
            texts = [_read(path).partition("\n\n")[2]]
        else:
            continue
        for text in texts:
            for paragraph in re.split(r"\n\s*\n", text):
                found.update(s for s in SENTENCE.split(" ".join(paragraph.split())) if _is_plain(s))
    if len(found) < count:
        raise LookupError(f"the installed packages have {len(found)} sentences of {count}")
    return rng.sample(sorted(found), count)


def files(count, roots, seed=0):
    """Paths of files, about as many of each type as of the others; more of the same seed begin with these."""
    rng, by_type = random.Random(seed), {}
    for root in roots:
        for path in _files(root):
            suffix = os.path.splitext(path)[1].lower()
            if suffix and 64 < os.path.getsize(path) < 20_000_000:
                by_type.setdefault(suffix, []).append(path)
    types = sorted(suffix for suffix, paths in by_type.items() if len(paths) >= LEAST_OF_TYPE)
    rng.shuffle(types)
    for suffix in types:
        rng.shuffle(by_type[suffix])
    taken = []
    while len(taken) < count:
        left = [suffix for suffix in types if by_type[suffix]]
        if not left:
            raise LookupError(f"there are {len(taken)} files of {count}")
        taken += [by_type[suffix].pop() for suffix in left]
    return taken[:count]


def _files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - NOT_TAKEN)
        yield from (os.path.join(folder, name) for name in sorted(names) if not os.path.islink(os.path.join(folder, name)))


def _docstrings(path):
    if os.path.getsize(path) > LARGEST_SOURCE:
        return []
    try:
        tree = ast.parse(_read(path))
    except (SyntaxError, ValueError, RecursionError):
        return []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]


def _is_plain(sentence):
    return PLAIN.fullmatch(sentence) and sum(c.islower() for c in sentence) > 0.7 * len(sentence) and sentence.count(" ") > 4 and "--" not in sentence


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()

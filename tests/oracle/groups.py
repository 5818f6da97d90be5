"""Word problems over permutation groups: numbering, products, running products. Writes tests/data/word_problem.txt.
A group is (elements in index order, product of two elements). S_n: permutations of 0 … n−1 in lexicographic order of one-line
notation, index 0 the identity; A_n: the even ones, in the same order; Z_n: 0 … n−1; GxH: (g, h) has index g·|H| + h."""
import itertools

import numpy as np

from safetensors_io import DATA


def compose(p, q):                                              # (p∘q)(i) = p(q(i)): q first
    return tuple(p[q[i]] for i in range(len(p)))


def even(p):
    return sum(p[i] > p[j] for i in range(len(p)) for j in range(i + 1, len(p))) % 2 == 0


def group(name):                                                # "S3xZ2xZ2" → elements, product
    if "x" in name:
        first, rest = name.split("x", 1)
        (G, g), (H, h) = group(first), group(rest)              # index of (a, (b, c)) = of ((a, b), c): mixed radix
        return [(a, b) for a in G for b in H], lambda p, q: (g(p[0], q[0]), h(p[1], q[1]))
    kind, n = name[0], int(name[1:])
    if kind == "Z":
        return list(range(n)), lambda p, q: (p + q) % n
    permutations = list(itertools.permutations(range(n)))       # itertools yields lexicographic order
    return [p for p in permutations if kind == "S" or even(p)], compose


def running(name, side, ids):                                   # acc = identity; right: acc·x, left: x·acc
    elements, product = group(name)
    index = {e: i for i, e in enumerate(elements)}
    acc, out = elements[0], []
    for x in (elements[i] for i in ids):
        acc = product(acc, x) if side == "right" else product(x, acc)
        out.append(index[acc])
    return out


GOLDEN = [      # group, input, right, left
    ("S3", [1, 2, 3, 4, 5],                  [1, 4, 0, 4, 2],                    [1, 3, 4, 3, 2]),
    ("S5", [1, 24, 6, 119, 33, 1, 1, 57],    [1, 25, 31, 91, 98, 99, 98, 48],    [1, 25, 49, 70, 76, 100, 76, 108]),
    ("A5", [1, 2, 3, 59, 30, 17, 17, 17],    [1, 0, 3, 46, 16, 30, 38, 9],       [1, 0, 3, 56, 48, 40, 5, 23])]

GROUPS = {"S3": 6, "S4": 24, "S5": 120, "A4": 12, "A5": 60, "Z7": 7, "Z60": 60, "A4xZ5": 60, "S3xZ2xZ2": 24}


def check():
    for name, ids, right, left in GOLDEN:
        assert running(name, "right", ids) == right and running(name, "left", ids) == left
    for name, size in GROUPS.items():                           # identity at 0, closed, every row and column a permutation
        G, product = group(name)
        assert len(G) == size and all(product(G[0], e) == e == product(e, G[0]) for e in G)
        assert all({product(a, b) for b in G} == set(G) == {product(b, a) for b in G} for a in G)
    S5, _ = group("S5")
    A5, _ = group("A5")
    assert ["".join(map(str, S5[i])) for i in (1, 6, 24, 119)] == ["01243", "02134", "10234", "43210"]
    assert ["".join(map(str, A5[i])) for i in (1, 2, 3, 59)] == ["01342", "01423", "02143", "43210"]
    moved = lambda p: sum(i != p[i] for i in range(5))
    assert [i for i, p in enumerate(S5) if moved(p) in (0, 2)] == [0, 1, 2, 5, 6, 14, 21, 24, 54, 80, 105]
    assert [i for i, p in enumerate(A5) if moved(p) == 3] == [1, 2, 4, 5, 6, 7, 9, 10, 15, 19, 22, 24, 28, 29, 37, 39, 40, 49, 51, 52]
    assert sum(moved(p) <= 3 for p in S5) == 31 and S5[33] == (1, 2, 3, 4, 0) and S5[96] == (4, 0, 1, 2, 3)


def main():
    check()
    rng = np.random.Generator(np.random.PCG64(1))
    rows = [(name, side, ids) for name, ids, _, _ in GOLDEN for side in ("right", "left")]
    rows += [(name, side, rng.integers(0, size, 12).tolist()) for name, size in GROUPS.items() for side in ("right", "left")]
    rows += [("S5", side, rng.integers(0, 120, 40).tolist()) for side in ("right", "left")]
    with open(DATA / "word_problem.txt", "w") as f:
        print("# GROUP right|left : elements : running products, new element on that side (right: acc·x); (p·q)(i) = p(q(i))", file=f)
        for name, side, ids in rows:
            print(name, side, ":", *ids, ":", *running(name, side, ids), file=f)


if __name__ == "__main__":
    main()

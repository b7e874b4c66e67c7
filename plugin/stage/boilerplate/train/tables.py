"""Trees as C tables (plugin/sdk/trees.h), and the fixture that holds both sides together."""
import numpy as np
import xgboost as xgb


def heap(tree, depth, columns):
    """A tree as a perfect one: (feature, threshold) by heap number, leaves."""
    nodes, leaves = [(0, 0)] * (2 ** depth - 1), [0.0] * 2 ** depth

    def fill(n, at, level):
        if level == depth:
            leaves[at - (2 ** depth - 1)] = n["leaf"]
            return
        if "leaf" in n:
            fill(n, 2 * at + 1, level + 1)
            fill(n, 2 * at + 2, level + 1)
            return
        child = {c["nodeid"]: c for c in n["children"]}
        nodes[at] = (columns[int(n["split"][1:])], int(np.ceil(n["split_condition"])))
        fill(child[n["yes"]], 2 * at + 1, level + 1)
        fill(child[n["no"]], 2 * at + 2, level + 1)

    fill(tree, 0, 0)
    return nodes, leaves


def lines(items, per_line, indent="    "):
    return "\n".join(indent + " ".join(items[i:i + per_line]) for i in range(0, len(items), per_line))


def c_float(v):
    s = "%.8g" % v
    return s + ("f" if "." in s or "e" in s else ".f")


def fixture(model, columns, n_features, per_row=1, rows=48):
    """Made-up rows and what the trainer's own library says of them, for the unit test."""
    rng = np.random.RandomState(7)
    X = np.where(rng.rand(rows, n_features) < 0.5, rng.randint(0, 16, (rows, n_features)),
                 rng.randint(0, 256, (rows, n_features))).astype(np.uint8)
    margin = model.predict(xgb.DMatrix(X[:, columns]), output_margin=True).reshape(rows, per_row)
    text = "\n".join('    { "%s",\n      { %s } },' % (x.tobytes().hex(), ", ".join(c_float(v) for v in m))
                     for x, m in zip(X, margin))
    return f"""/* Made by train.sh: made-up rows of features, and the margins that the trainer's library gives them. */
static const struct {{
    const char *hex;
    float margin[{per_row}];
}} margins[] = {{
{text}
}};
"""

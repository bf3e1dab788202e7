"""Networks of caches made to order: generated graphs and real topologies, items, servers, Zipf or traced
demand.

Real topologies come from the package topohub [1]_, which holds the Internet Topology Zoo [2]_ and SNDlib [3]_;
the weight of an edge is its length in km (at least 1). ``geant`` is SNDlib's GEANT (22 nodes, 36 edges),
``abilene`` the Zoo's (11 nodes), ``dtelekom`` SNDlib's nobel-germany, the reference network of Deutsche
Telekom in the NOBEL project (17 nodes). Generated graphs have weights uniform on [1, 100).

``bipartite:U:C:D``: U users, each joined to D of C caches and, behind them, to one origin server. The path of
a user visits its caches over edges of weight 0 and then the origin over an edge of weight 1: a request is a
hit where any of them holds the item, the network of LeadCache.

References
----------
.. [1] P. Jurkiewicz, "TopoHub: a repository of reference Gabriel graph and real-world topologies for networking
   research", SoftwareX 24, 2023.
.. [2] S. Knight et al., "The Internet Topology Zoo", IEEE JSAC 29(9), 2011.
.. [3] S. Orlowski et al., "SNDlib 1.0", Networks 55(3), 2010.
"""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.errors import (
    ParameterError,
    UnknownNameError,
    check_int,
    check_positive_int,
    check_real,
    nearest,
)
from olearn.traces.networks.model import Network, build
from olearn.traces.networks.requests import read_items

#: Generated graphs: name -> the numbers after the colons and what they are by default.
GENERATED: dict[str, tuple[tuple[str, float], ...]] = {
    "path": (("nodes", 4),),
    "tree": (("branches", 2), ("height", 3)),
    "hypercube": (("dimension", 4),),
    "erdos-renyi": (("nodes", 100), ("probability", 0.1)),
    "star": (("leaves", 8),),
    "bipartite": (("users", 7), ("caches", 5), ("degree", 3)),
}
#: Names for real topologies.
REAL = {"geant": "sndlib/geant", "abilene": "topozoo/Abilene", "dtelekom": "sndlib/nobel-germany"}
#: Requests per unit of time of a made network.
RATE = 200.0


class Graph:
    """Nodes, edges with weights, where the nodes lie, and what the generator says about roles."""

    def __init__(self, name: str, nodes: int, edges: list[tuple[int, int, float]], *, labels: Any = None,
                 positions: Any = None, roles: tuple[int, int, int] | None = None,
                 caches_of: list[list[int]] | None = None) -> None:  # fmt: skip
        self.name = name
        self.nodes = nodes
        self.edges = edges
        self.labels = labels
        self.positions = positions
        self.roles = roles
        self.caches_of = caches_of or []


@functools.cache
def real_names() -> dict[str, str]:
    """Lower-case names of topohub's Topology Zoo and SNDlib -> its own."""
    import topohub

    found = {}
    for group in ("topozoo", "sndlib"):
        for file in sorted((Path(topohub.__file__).parent / "data" / group).glob("*.json")):
            found[f"{group}/{file.stem}".lower()] = f"{group}/{file.stem}"
            found.setdefault(file.stem.lower(), f"{group}/{file.stem}")
    return found


def graph(text: str, seed: int = 0) -> Graph:
    """A topology by its text.

    Parameters
    ----------
    text : str
        ``path:N``, ``tree:B:H``, ``hypercube:D``, ``erdos-renyi:N:P``, ``star:N``, ``bipartite:U:C:D``
        (numbers may be left out), ``geant``, ``abilene``, ``dtelekom``, or a name of the Topology Zoo or
        SNDlib such as ``BtEurope`` or ``sndlib/polska``.
    seed : int
        Of random edges and weights.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    ParameterError
        A number is out of range, or a random graph came out disconnected.

    Examples
    --------
    >>> graph("tree:2:2").nodes, len(graph("hypercube:3").edges), graph("geant").nodes
    (7, 12, 22)
    """
    name, *numbers = str(text).split(":")
    key = name.strip().lower().replace("_", "-")
    if key in GENERATED:
        return _generated(key, numbers, seed)
    if numbers:
        raise ParameterError(f"topology {name!r} takes no numbers, got {text!r}")
    known = real_names()
    asked = REAL.get(key, key).lower()
    if asked not in known:
        asked = asked.replace("-", "_") if asked.replace("-", "_") in known else asked
    if asked not in known:
        names = [*GENERATED, *REAL, *dict.fromkeys(v.split("/")[1] for v in known.values())]
        raise UnknownNameError(
            f"unknown topology {name!r}{nearest(name, names)}; known: {', '.join([*GENERATED, *REAL])}, "
            f"and {len(set(known.values()))} names of the Topology Zoo and SNDlib such as BtEurope or polska"
        )
    import networkx
    import topohub

    told: Any = topohub.get(known[asked])
    number = {node["id"]: k for k, node in enumerate(told["nodes"])}
    edges: dict[tuple[int, int], float] = {}
    for edge in told["edges"]:
        a, b = sorted((number[edge["source"]], number[edge["target"]]))
        if a != b:
            edges[a, b] = min(edges.get((a, b), np.inf), max(1.0, float(edge.get("dist") or 1.0)))
    joined = networkx.Graph(list(edges))
    joined.add_nodes_from(range(len(number)))
    if not networkx.is_connected(joined):
        raise ParameterError(f"topology {name!r} is disconnected, so it is no network of caches")
    places = [node.get("pos") for node in told["nodes"]]
    return Graph(
        key, len(number), [(a, b, w) for (a, b), w in edges.items()], labels=[n["name"] for n in told["nodes"]],
        positions=places if all(places) else None,
    )  # fmt: skip


def _generated(name: str, numbers: list[str], seed: int) -> Graph:
    import networkx

    asked = GENERATED[name]
    if len(numbers) > len(asked):
        raise ParameterError(f"topology {name!r} takes {len(asked)} numbers at most, got {':'.join(numbers)}")
    values: list[Any] = []
    for (what, default), text in zip(asked, [*numbers, *[""] * (len(asked) - len(numbers))], strict=True):
        label = f"{what} of topology {name!r}"
        if what == "probability":
            values.append(check_real(label, text or default, 0.0, 1.0, open_low=True))
            continue
        try:
            values.append(check_positive_int(label, int(text) if text else int(default)))
        except ValueError:
            raise ParameterError(f"{label} must be a whole number, got {text!r}") from None
    if name == "hypercube" and values[0] > 14:
        raise ParameterError(f"dimension of topology 'hypercube' must be 14 at most, got {values[0]}")
    draw = generator(seed, 81)
    if name == "bipartite":
        return _bipartite(values[0], values[1], values[2], draw)
    if name == "erdos-renyi":
        made = networkx.gnp_random_graph(values[0], values[1], seed=int(draw.integers(2**31)))
        if not networkx.is_connected(made):
            raise ParameterError(
                f"erdos-renyi:{values[0]}:{values[1]:g} with seed {seed} came out disconnected: "
                "take a larger probability or another seed"
            )
    else:
        makers = {"path": networkx.path_graph, "tree": networkx.balanced_tree, "star": networkx.star_graph,
                  "hypercube": networkx.hypercube_graph}  # fmt: skip
        made = networkx.convert_node_labels_to_integers(makers[name](*values), ordering="sorted")
    ends = sorted(tuple(sorted(edge)) for edge in made.edges)
    weights = draw.uniform(1.0, 100.0, len(ends))
    edges = [(a, b, float(w)) for (a, b), w in zip(ends, weights, strict=True)]
    return Graph(":".join([name, *map(str, values)]), made.number_of_nodes(), edges)


def _bipartite(users: int, caches: int, degree: int, draw: np.random.Generator) -> Graph:
    if degree > caches:
        raise ParameterError(
            f"degree of topology 'bipartite' must be at most its {caches} caches, got {degree}"
        )
    edges: dict[tuple[int, int], float] = {}
    joined: list[list[int]] = []
    for u in range(users):
        mine = sorted((users + draw.choice(caches, degree, replace=False)).tolist())
        joined.append(mine)
        edges[u, mine[0]] = 0.0
        for a, b in itertools.pairwise(mine):
            edges[a, b] = 0.0
        edges[mine[-1], users + caches] = 1.0
    for c in range(users, users + caches):
        edges.setdefault((c, users + caches), 1.0)
    return Graph(
        f"bipartite:{users}:{caches}:{degree}", users + caches + 1, [(a, b, w) for (a, b), w in edges.items()],
        roles=(users, caches, degree), caches_of=joined,
    )  # fmt: skip


def zipf_items(items: int, alpha: float, count: int, seed: int = 0) -> np.ndarray:
    """`count` independent items (int64), the k-th most popular with probability ~ k^-alpha: item k-1.

    Examples
    --------
    >>> zipf_items(10, 0.8, 5, seed=1).shape
    (5,)
    """
    share = np.arange(1, items + 1, dtype=np.float64) ** -alpha
    steps = np.cumsum(share / share.sum())
    found = np.searchsorted(steps, generator(seed, 82).random(count), side="right")
    return np.minimum(found, items - 1).astype(np.int64)


def made_network(
    topology: str | Graph = "geant",
    requests: Any = "zipf:0.8",
    *,
    items: int | None = None,
    capacity: int = 10,
    queries: int | None = None,
    count: int | None = None,
    seed: int = 0,
    request_seed: int = 0,
) -> tuple[Network, np.ndarray, np.ndarray, str]:
    """A network on a topology, with its requests.

    Every item has a designated server drawn uniformly from all nodes (the origin, where the topology has one),
    every query node asks for every item, along the path of least weight. 200 requests come per unit of time.

    Parameters
    ----------
    topology : str or Graph
        See :func:`graph`.
    requests : str, path or array of int
        ``"zipf:ALPHA"``: independent, at uniformly drawn query nodes; or items in order of request, or a file
        of these, one a line: each goes to a query node drawn uniformly.
    items : int, optional
        By default 1,000, or as many as the trace asks for.
    capacity : int
        Items that each node holds (an origin and users: none).
    queries : int, optional
        Query nodes, drawn; by default all nodes (all users, where the topology has them).
    count : int, optional
        Requests of ``zipf`` (100,000).
    seed : int
        Of weights, servers and query nodes.
    request_seed : int

    Returns
    -------
    network : Network
        Its rates are the expected ones of ``zipf``, or the counts of the trace.
    demands : ndarray of int32
    times : ndarray of float64
    title : str
        What the requests are called.

    Examples
    --------
    >>> net, demands, times, title = made_network("path:3", "zipf:1", items=5, capacity=1, count=100)
    >>> net.demands, demands.size, title
    (15, 100, 'Zipf 1, seed 0')
    """
    made = topology if isinstance(topology, Graph) else graph(topology, check_int("seed", seed, 0))
    alpha = asked = None
    if isinstance(requests, str) and requests.partition(":")[0] == "zipf":
        alpha = check_real("--requests zipf", requests.partition(":")[2] or "0.8", 0.0)
        known = check_positive_int("items", 1000 if items is None else items)
        wanted = zipf_items(known, alpha, check_positive_int("count", count or 100_000), request_seed)
        title = f"Zipf {alpha:g}, seed {request_seed}"
    else:
        if count is not None:
            raise ParameterError("count goes with requests zipf:ALPHA; a trace has its own")
        asked = read_items(requests) if isinstance(requests, str | Path) else np.asarray(requests, np.int64)
        if asked.ndim != 1 or not asked.size or asked.min() < 0:
            raise ParameterError("the requests must be item numbers of at least 0, one a request")
        known = int(asked.max()) + 1 if items is None else check_positive_int("items", items)
        if asked.max() >= known:
            raise ParameterError(
                f"the requests ask for item {asked.max()}, but there are {known} items (0..{known - 1})"
            )
        wanted, title = asked, f"items of {requests}" if isinstance(requests, str | Path) else "a trace"
    places = check_int("capacity", capacity, 0)
    if places > known:
        raise ParameterError(f"capacity of a node is {places}, above the catalogue of {known} items")
    draw = generator(seed, 83)
    holds = np.full(made.nodes, places, dtype=np.int64)
    may_ask = np.arange(made.nodes)
    if made.roles:
        users, caches, _ = made.roles
        holds[:users] = holds[users + caches :] = 0
        may_ask = np.arange(users)
        source = np.full(known, users + caches, dtype=np.int64)
    else:
        source = draw.integers(made.nodes, size=known)
    if queries is not None and check_positive_int("queries", queries) > may_ask.size:
        raise ParameterError(f"queries must be at most the {may_ask.size} nodes that may ask, got {queries}")
    asking = may_ask if queries is None else np.sort(draw.choice(may_ask, queries, replace=False))
    at = generator(request_seed, 84).integers(asking.size, size=wanted.size)
    if alpha is None:
        rate = np.bincount(at * known + wanted, minlength=asking.size * known).astype(np.float64)
        rate *= RATE / wanted.size
    else:
        share = np.arange(1, known + 1, dtype=np.float64) ** -alpha
        rate = np.tile(share * (RATE / share.sum() / asking.size), asking.size)
    net = _network(made, holds, source, asking, rate)
    return net, (at * known + wanted).astype(np.int32), np.arange(1, wanted.size + 1) / RATE, title


def _network(
    made: Graph, holds: np.ndarray, source: np.ndarray, asking: np.ndarray, rate: np.ndarray
) -> Network:
    """Demands of every (query node, item) pair: checked by `build` on one item a server, then spread over
    all.
    """
    import networkx

    joined = networkx.Graph()
    joined.add_weighted_edges_from(made.edges)
    servers, server = np.unique(source, return_inverse=True)
    ways: list[list[int]] = []
    for q in asking.tolist():
        if made.roles:
            ways.append(_through(made, q))
            continue
        found = networkx.single_source_dijkstra_path(joined, q)
        ways += [found[int(s)] for s in servers]
    small = build(
        made.nodes, made.edges, np.minimum(holds, servers.size).tolist(), servers.tolist(),
        [(k % servers.size, way, 1.0) for k, way in enumerate(ways)],
    )  # fmt: skip
    lengths = np.diff(small.start)
    pair = (np.arange(asking.size)[:, None] * servers.size + server[None, :]).ravel()
    long = lengths[pair]
    start = np.concatenate([[0], np.cumsum(long)]).astype(np.int64)
    at = np.repeat(small.start[pair] - start[:-1], long) + np.arange(start[-1])
    return Network(
        made.name, made.nodes, source.size, small.edges, small.weights, holds, source,
        np.tile(np.arange(source.size, dtype=np.int64), asking.size), rate, start, small.path[at],
        small.upstream[at], {"labels": made.labels, "positions": made.positions},
    )  # fmt: skip


def _through(made: Graph, user: int) -> list[int]:
    """The path of a user of a bipartite network: its caches in order, then the origin."""
    assert made.roles is not None
    return [user, *made.caches_of[user], made.roles[0] + made.roles[1]]

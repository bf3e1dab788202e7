"""Run by the Python of an environment of its own: libCacheSim's policies on an oracleGeneral file.

Arguments: file, capacity, hashpower, policy, repeats. Prints the seconds of each replay of the loaded
trace, the seconds of one replay that reads the file, and the miss ratio, as JSON.
"""

import json
import sys
import time

import libcachesim


def main():
    path, capacity, hashpower, policy, repeats = sys.argv[1:6]
    reader = libcachesim.TraceReader(path, trace_type=libcachesim.TraceType.ORACLE_GENERAL_TRACE)
    reader.get_num_of_req()
    seconds = []
    for _ in range(int(repeats)):
        cache = getattr(libcachesim, policy)(cache_size=int(capacity), hashpower=int(hashpower))
        reader.reset()
        started = time.perf_counter()
        miss_ratio = cache.process_trace(reader)[0]
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "miss_ratio": miss_ratio}))


main()

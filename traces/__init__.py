if __name__ != "olearn.traces":
    raise ImportError("this folder is the package olearn.traces: write 'from olearn.traces import load'")

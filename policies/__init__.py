"""The policies of olearn: one family a folder, one policy a file.

Installed as ``olearn.policies``; the folder lies at the top of the source tree because policies are
what most people come to read and to add.
"""

if __name__ != "olearn.policies":
    raise ImportError("this folder is the package olearn.policies: write 'import olearn.policies.caching'")

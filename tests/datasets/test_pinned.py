"""Files of known checksums: their content is compared, also if a file takes the place of another unnoticed."""

import hashlib
import os

import pytest

from bench.core.errors import DataError
from bench.datasets.pinned import check_files


def test_a_file_of_the_same_name_size_and_date_is_compared_too(tmp_path):
    path = tmp_path / "digits"
    sums = {"digits": hashlib.md5(b"right", usedforsecurity=False).hexdigest()}
    path.write_bytes(b"right")
    os.utime(path, (1e9, 1e9))
    check_files(tmp_path, sums)
    path.rename(tmp_path / "old")  # stays, so that its inode is not used again
    path.write_bytes(b"wrong")
    os.utime(path, (1e9, 1e9))
    with pytest.raises(DataError, match=rf"^{path}: damaged, MD5 is .* and should be {sums['digits']}; delete it"):
        check_files(tmp_path, sums)

"""The suite from Python."""

import bench
from bench.harness.store import Store


def test_run_gives_a_table_with_a_row_for_each_method_and_seed(tiny_suite, tmp_path):
    table = bench.run(str(tiny_suite), seeds=[0, 1], methods=["random_code", "best_of_random"], store=Store(tmp_path))
    assert len(table) == 4
    assert set(table["method"]) == {"random_code", "best_of_random"}
    by_method = table.groupby("method")["mse"].mean()
    assert by_method["best_of_random"] < by_method["random_code"]
    assert (table["psnr"] > 0).all()

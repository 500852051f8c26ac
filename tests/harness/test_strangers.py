"""Methods are code of strangers: ways to lead a table without inverting that are refused, each with its reason.

Every way is a method in a file of its own, run as users run it: a suite, processes, a check within the run.
"""

REFUSED = {
    "replaces the method that decodes": (
        """
    def build(self):
        self.gan.decode = lambda codes: torch.zeros(len(codes), 1, 28, 28)
        """,
        "changed the GAN's classes, attributes or modules during build",
    ),
    "changes the generator's class": (
        """
    def fit(self, data):
        class Liar(type(self.gan.generator)):
            def forward(self, codes):
                return torch.zeros(len(codes), 1, 28, 28)
        self.gan.generator.__class__ = Liar
        """,
        "changed the GAN's classes, attributes or modules during fit",
    ),
    "hooks the generator": (
        """
    def fit(self, data):
        self.gan.generator.register_forward_hook(lambda module, codes, images: images * 0)
        """,
        "changed the hooks of the GAN's modules during fit",
    ),
    "changes weights": (
        """
    def invert(self, x):
        next(self.gan.generator.parameters()).data.add_(1)
        return self.codes(x)
        """,
        "changed the GAN's weights during invert",
    ),
    "leaves the generator in train mode": (
        """
    def fit(self, data):
        self.gan.generator.train()
        """,
        "changed the train or eval mode of the GAN's modules during fit",
    ),
    "lets weights need gradients": (
        """
    def fit(self, data):
        self.gan.generator.requires_grad_(True)
        """,
        "changed which weights of the GAN need gradients during fit",
    ),
    "turns gradients off": (
        """
    def fit(self, data):
        torch.set_grad_enabled(False)
        """,
        "changed grad mode during fit",
    ),
    "changes the default dtype": (
        """
    def build(self):
        torch.set_default_dtype(torch.float64)
        """,
        "changed torch's default dtype during build",
    ),
    "changes the number of threads": (
        """
    def fit(self, data):
        torch.set_num_threads(torch.get_num_threads() + 1)
        """,
        "changed the number of threads during fit",
    ),
    "changes the folder and the environment": (
        """
    def fit(self, data):
        os.environ["PATH"] = "/elsewhere"
        """,
        "changed environment variables during fit",
    ),
    "changes the training images": (
        """
    def fit(self, data):
        data.train.data.zero_()
        """,
        "changed the images that it was given during fit",
    ),
    "changes the test images": (
        """
    def invert(self, x):
        for each in gc.get_objects():
            if type(each).__name__ == "Images" and each.data.dtype == torch.uint8:
                each.data.fill_(127)
        return self.codes(x)
        """,
        "changed the images that it was given during invert",
    ),
    "loads the dataset in fit": (
        """
    def fit(self, data):
        from bench.core.options import create
        create("dataset", "digits").load()
        """,
        "fit reads the test split",
    ),
    "loads the dataset in build": (
        """
    def build(self):
        from bench.core.options import create
        create("dataset", "digits").load()
        """,
        "build reads the test split",
    ),
    "reads the file of the dataset": (
        """
    def fit(self, data):
        from sklearn import datasets
        folder = os.path.join(os.path.dirname(datasets.__file__), "data")
        open(os.path.join(folder, "digits.csv.gz"), "rb").read()
        """,
        "files of datasets and of the store are not its input",
    ),
    "reads it and hides the error": (
        """
    def fit(self, data):
        from sklearn import datasets
        try:
            datasets.load_digits()
        except Exception:
            pass
        """,
        "files of datasets and of the store are not its input",
    ),
    "reads the codes of another method": (
        """
    def invert(self, x):
        store = os.path.join(os.environ["GANINV_STORE_OF_THE_TEST"], "train")
        name = os.listdir(store)[0]
        open(os.path.join(store, name, "meta.json")).read()
        return self.codes(x)
        """,
        "files of datasets and of the store are not its input",
    ),
    "poisons the checkpoint of another fit": (
        """
    def fit(self, data):
        open(os.path.join(os.environ["GANINV_STORE_OF_THE_TEST"], "work", "fit-0.checkpoint"), "wb").write(b"x")
        """,
        "files of datasets and of the store are not its input",
    ),
    "removes what others stored": (
        """
    def fit(self, data):
        os.rename(os.path.join(os.environ["GANINV_STORE_OF_THE_TEST"], "train"), "elsewhere")
        """,
        "files of datasets and of the store are not its input",
    ),
    "lists the store": (
        """
    def fit(self, data):
        os.listdir(os.environ["GANINV_STORE_OF_THE_TEST"])
        """,
        "files of datasets and of the store are not its input",
    ),
    "edits a metric": (
        """
    def fit(self, data):
        import bench.metrics
        open(os.path.join(os.path.dirname(bench.metrics.__file__), "new.py"), "w")
        """,
        "it may not change installed packages",
    ),
    "works where parameters are counted": (
        """
    def trained_parameters(self):
        torch.set_grad_enabled(False)
        return 1
        """,
        "changed grad mode during fit",
    ),
    "works in state": (
        """
    def state(self):
        torch.set_grad_enabled(False)
        return {}
        """,
        "changed grad mode during state",
    ),
    "describes itself by something else": (
        """
    trained_on = 5
        """,
        "what the method says of itself cannot be used: TypeError: int in place of a text",
    ),
    "mixes a little of the batch's mean in": (
        """
    def codes(self, x):
        codes = x.flatten(1)[:, 300:300 + self.gan.code_dim].contiguous()
        return codes + 0.015 * codes.mean(0)
        """,
        "does not invert each image on its own",
    ),
    "sorts by the batch": (
        """
    def codes(self, x):
        rank = x.flatten(1).sum(1).argsort().argsort().float()
        return rank[:, None].expand(-1, self.gan.code_dim).contiguous()
        """,
        "does not invert each image on its own",
    ),
    "answers differently each time": (
        """
    def codes(self, x):
        return torch.full((len(x), self.gan.code_dim), 1 + 100 * time.time() % 1)
        """,
        "gives other codes for the same images from the same seed",
    ),
    "keeps what it learned outside of its state": (
        """
    def fit(self, data):
        self.learned = data.train.floats(slice(0, 1)).mean()
    def codes(self, x):
        shift = getattr(self, "learned", None)
        return torch.zeros(len(x), self.gan.code_dim) + (1.0 if shift is None else float(shift))
        """,
        "gives other codes after state() and load_state()",
    ),
    "leaves a thread at work": (
        """
    def fit(self, data):
        threading.Thread(target=time.sleep, args=(60,), name="still-searching", daemon=True).start()
        """,
        "leaves threads at work after fit: still-searching",
    ),
    "says that it has another space": (
        """
    @property
    def capacity(self):
        return "pixels"
        """,
        "this GAN has no pixels codes",
    ),
}


def test_each_trick_is_a_failed_row_with_its_reason_and_an_honest_row_beside_them_is_not_touched(
    place, run_strangers, tmp_path, monkeypatch
):
    """All in one run, which costs less than one for each."""
    names = {way: f"way{number}" for number, way in enumerate(REFUSED)}
    monkeypatch.setenv("GANINV_STORE_OF_THE_TEST", str(place[1]))
    (tmp_path / "refused").mkdir()
    found = run_strangers(place, tmp_path / "refused", {names[way]: REFUSED[way][0] for way in REFUSED})
    records = {way: found[names[way]] for way in REFUSED}
    passed = {way for way, record in records.items() if record.status == "done"}
    other = {way: records[way].reason for way in REFUSED if REFUSED[way][1] not in records[way].reason}
    assert (passed, other) == (set(), {})
    alone = run_strangers((place[0], tmp_path / "store"), tmp_path, {})["random_code"]
    assert found["random_code"].status == "done"
    assert found["random_code"].metrics == alone.metrics

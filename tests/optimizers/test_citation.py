"""Citations: the papers of a value, of all its parts, or of a name."""

import re

import pytest

import jgd
from jgd.core import InputError
from jgd.optimizers.catalogue import catalogue


def test_an_optimizer_cites_the_papers_of_its_parts():
    text = jgd.citation(jgd.chain(jgd.clip_by_global_norm(1.0), jgd.lion(1e-4)))
    assert text.startswith("@misc{pascanu2013,\n  author = {Pascanu and others},\n  year = {2013},")
    assert "@misc{chen2023,\n  author = {Chen and others}," in text
    assert "  eprint = {2302.06675},\n  archivePrefix = {arXiv}," in text
    assert "  note = {In jgd: ScaleByLion}," in text


def test_each_paper_is_cited_once_and_each_entry_has_a_key_of_its_own():
    parts = [jgd.momo(1.0), jgd.momo_adam(1e-2), jgd.lion(1e-4), jgd.adam(1e-3), jgd.dadapt_lion(), jgd.prodigy()]
    keys = re.findall(r"@misc\{(\w+),", jgd.citation(jgd.chain(*parts)))
    assert len(keys) == len(set(keys))
    assert "note = {In jgd: Momo, MomoAdam}" in jgd.citation(jgd.chain(*parts))


def test_every_optimizer_of_the_catalogue_can_be_cited_by_name_and_as_a_value():
    for name, entry in catalogue().items():
        assert jgd.citation(name).count("@misc") == 1, name
        assert "@misc" in jgd.citation(entry.default()), name


def test_plain_descent_has_sources_too():
    for optimizer in (jgd.sgd(0.1), jgd.gradient_descent(0.1)):
        text = jgd.citation(optimizer)
        assert "author = {Cauchy}," in text
        assert "author = {Robbins and Monro},\n  year = {1951}," in text
    assert "author = {Polyak}," in jgd.citation(jgd.sgd(0.1, momentum=0.9))


def test_all_authors_that_are_named_are_in_it():
    assert "author = {Yun and Lozano and Yang}" in jgd.citation(jgd.prox_adam(1e-3))
    assert "author = {Loshchilov and Hutter}" in jgd.citation("adamw")


def test_what_has_no_source_is_refused_in_one_sentence():
    with pytest.raises(InputError, match=r"citation\(.*\): none of its parts names a source"):
        jgd.citation(jgd.scale(0.1))
    with pytest.raises(InputError, match="Did you mean adamw"):
        jgd.citation("adamww")
    with pytest.raises(InputError, match="optimizer must be an optimizer"):
        jgd.citation(3)

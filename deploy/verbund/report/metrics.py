# SPDX-License-Identifier: EUPL-1.2
"""Prometheus text format, for the textfile collector of node_exporter.

Labels are names of the standard and of the intent (tenant, site, verdict, control), never a host and never what a
host said: the number of series depends on how many sites and controls there are, not on how many hosts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from verbund.baseline.results import Verdict
from verbund.report.summary import Light, light
from verbund.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verbund.baseline.lifetime import Standing
    from verbund.baseline.results import HostResult

_NAME = 100


def metrics(standing: Standing) -> bytes:
    """A run as metrics; ``.prom`` file for ``--collector.textfile.directory`` of node_exporter.

    Args:
        standing: the run, judged at the moment of the report.
    """
    registry = CollectorRegistry()
    registry.register(_Run(standing))
    return generate_latest(registry)


class _Run(Collector):
    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def collect(self) -> Iterable[Metric]:
        results = self._standing.results
        sites: dict[tuple[str, str], list[HostResult]] = defaultdict(list)
        for host in results.hosts:
            sites[_label(host.tenant), _label(host.site)].append(host)
        ordered = sorted(sites.items())
        release = GaugeMetricFamily("verbund_run_info", "The run these figures are from.", labels=["release"])
        release.add_metric([_label(results.run.release)], 1)
        yield release
        yield GaugeMetricFamily(
            "verbund_run_finished_timestamp_seconds", "When the run ended.", value=results.run.finished.timestamp()
        )
        yield GaugeMetricFamily("verbund_controls", "Controls of the run.", value=len(results.controls))
        yield self._hosts(ordered)
        yield self._verdicts(ordered)
        yield self._open_controls()
        yield from self._ends(ordered)

    def _hosts(self, sites: list[tuple[tuple[str, str], list[HostResult]]]) -> Metric:
        family = GaugeMetricFamily(
            "verbund_hosts",
            "Hosts by state: good, excepted, fail, unknown (not fully seen).",
            labels=["tenant", "site", "state"],
        )
        for place, hosts in sites:
            count = Counter(light(host) for host in hosts)
            for state in Light:
                family.add_metric([*place, state.value], count[state])
        return family

    def _verdicts(self, sites: list[tuple[tuple[str, str], list[HostResult]]]) -> Metric:
        family = GaugeMetricFamily(
            "verbund_verdicts", "Verdicts on controls of hosts.", labels=["tenant", "site", "verdict"]
        )
        for place, hosts in sites:
            count = Counter(result.verdict for host in hosts for result in host.results)
            for verdict in Verdict:
                family.add_metric([*place, verdict.value.replace(" ", "_")], count[verdict])
        return family

    def _open_controls(self) -> Metric:
        family = GaugeMetricFamily("verbund_control_hosts_not_met", "Hosts that miss a control.", labels=["control"])
        results = self._standing.results
        count = Counter(r.control for host in results.hosts for r in host.results if r.verdict is Verdict.NOT_MET)
        for control in sorted(results.controls, key=lambda control: control.id):
            family.add_metric([_label(control.id)], count[control.id])
        return family

    def _ends(self, sites: list[tuple[tuple[str, str], list[HostResult]]]) -> Iterable[Metric]:
        """Moments to compare with ``time()``: the file itself does not get older, what it says does."""
        lifetimes = {control.id: control.lifetime_hours for control in self._standing.results.controls}
        first = GaugeMetricFamily(
            "verbund_evidence_first_expiry_timestamp_seconds",
            "When the first verdict of the site that still holds becomes stale.",
            labels=["tenant", "site"],
        )
        exception = GaugeMetricFamily(
            "verbund_exception_next_expiry_timestamp_seconds",
            "When the next accepted exception of the site ends.",
            labels=["tenant", "site"],
        )
        for place, hosts in sites:
            stale = [
                host.collected + timedelta(hours=lifetimes[result.control])
                for host in hosts
                if host.collected is not None
                for result in host.results
                if result.observations and result.verdict is not Verdict.STALE and result.control in lifetimes
            ]
            if stale:
                first.add_metric(place, min(stale).timestamp())
            ends = [result.deviation.expires for host in hosts for result in host.results if result.deviation]
            if ends:
                end = datetime.combine(min(ends) + timedelta(days=1), time(), UTC)
                exception.add_metric(place, end.timestamp())
        yield first
        yield exception


def _label(name: str) -> str:
    return one_line(name, _NAME)

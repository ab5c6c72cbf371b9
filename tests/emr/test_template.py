"""The CloudFormation templates lint, and give nobody more than they need."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "emr" / "template.yaml"
ALARMS = ROOT / "emr" / "dashboards" / "alarms.yaml"
RUNBOOK = ROOT / "docs" / "runbook"


class CloudFormationLoader(yaml.SafeLoader):
    """Reads ``!Ref x`` and its like as ``{"Ref": "x"}``."""


def read_intrinsic(loader: CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {suffix: loader.construct_mapping(node, deep=True)}


CloudFormationLoader.add_multi_constructor("!", read_intrinsic)


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), CloudFormationLoader)  # noqa: S506
    return loaded


def resources(kind: str, path: Path = TEMPLATE) -> dict[str, dict[str, Any]]:
    return {name: body for name, body in load(path)["Resources"].items() if body["Type"] == kind}


def statements(node: object, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk to every policy statement, wherever it stands, also inside an Fn::If."""
    if isinstance(node, dict):
        if "Effect" in node:
            yield at, node
        for key, value in node.items():
            yield from statements(value, f"{at}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from statements(value, f"{at}/{index}")


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text_of(value: object) -> str:
    """Give what a resource says: a plain string, or the text that an intrinsic function substitutes into."""
    return str(next(iter(value.values()))) if isinstance(value, dict) else str(value)


def excess(template: dict[str, Any]) -> list[str]:
    """List the permissions that are wider than this project allows itself."""
    found = []
    for at, statement in statements(template["Resources"]):
        if statement["Effect"] != "Allow":
            continue
        found += [f"{at}: action {a}" for a in as_list(statement.get("Action", "NotAction!")) if re.search(r"[*?!]", a)]
        found += [f"{at}: anybody" for p in as_list(statement.get("Principal", "")) if p == "*" or "*" in str(p)]
        key_policy = at.startswith("/Key/Properties/KeyPolicy")  # where "*" means this key
        for resource in as_list(statement.get("Resource", [])):
            text = text_of(resource)
            if "*" in text and not (key_policy and text == "*"):
                prefix_in_a_bucket = re.fullmatch(r"\$\{\w+Bucket\.Arn\}/[a-z]+/\*", text)
                if not prefix_in_a_bucket:
                    found.append(f"{at}: resource {text}")
    return found


@pytest.mark.parametrize("path", [TEMPLATE, ALARMS], ids=lambda path: path.name)
def test_cfn_lint_has_nothing_to_say(path: Path) -> None:
    command = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert command, "cfn-lint is in the test extra: install requirements.lock"
    result = subprocess.run([command, "-r", "us-east-1", "--", str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_no_policy_has_a_wildcard_but_a_prefix_in_one_of_our_buckets() -> None:
    assert excess(load(TEMPLATE)) == []


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::x/y"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": {"Sub": "${LakeBucket.Arn}/*"}},
        {"Effect": "Allow", "NotAction": ["s3:GetObject"], "Resource": "arn:aws:s3:::x/y"},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}},
    ],
)
def test_the_walk_finds_what_is_too_wide(statement: dict[str, Any]) -> None:
    assert excess({"Resources": {"Role": {"Properties": {"If": ["OnCluster", statement]}}}})


def test_the_job_may_read_this_stream_by_the_four_read_actions_only() -> None:
    policy = load(TEMPLATE)["Resources"]["JobPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    on_kinesis = [s for s in policy if any(str(a).startswith("kinesis:") for a in as_list(s["Action"]))]
    assert len(on_kinesis) == 1
    assert sorted(on_kinesis[0]["Action"]) == [
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ]
    assert on_kinesis[0]["Resource"] == {"GetAtt": "Stream.Arn"}


@pytest.mark.parametrize("name", sorted(resources("AWS::S3::Bucket")))
def test_each_bucket_is_encrypted_versioned_private_and_ages(name: str) -> None:
    bucket = resources("AWS::S3::Bucket")[name]
    properties = bucket["Properties"]
    rule = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    assert rule == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"GetAtt": "Key.Arn"}}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    assert any("NoncurrentVersionExpiration" in rule for rule in rules)
    assert bucket["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize("name", sorted(resources("AWS::S3::Bucket")))
def test_each_bucket_is_reached_over_tls_only(name: str) -> None:
    policies = resources("AWS::S3::BucketPolicy").values()
    (policy,) = [p for p in policies if p["Properties"]["Bucket"] == {"Ref": name}]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [{"GetAtt": f"{name}.Arn"}, {"Sub": f"${{{name}.Arn}}/*"}]


def test_what_is_stored_queued_or_announced_is_encrypted_with_our_key() -> None:
    key = {"GetAtt": "Key.Arn"}
    assert load(TEMPLATE)["Resources"]["Stream"]["Properties"]["StreamEncryption"]["KeyId"] == key
    for kind in ("AWS::SQS::Queue", "AWS::SNS::Topic"):
        for name, body in resources(kind).items():
            assert body["Properties"]["KmsMasterKeyId"] == key, name
    for name, body in resources("AWS::Logs::LogGroup").items():
        assert body["Properties"]["KmsKeyId"] == key, name


def test_the_cluster_encrypts_everywhere_and_asks_for_imdsv2_and_runtime_roles() -> None:
    (configuration,) = resources("AWS::EMR::SecurityConfiguration").values()
    body = configuration["Properties"]["SecurityConfiguration"]
    encryption = body["EncryptionConfiguration"]
    assert encryption["EnableAtRestEncryption"] is True
    assert (
        encryption["AtRestEncryptionConfiguration"]["LocalDiskEncryptionConfiguration"]["EnableEbsEncryption"] is True
    )
    assert encryption["EnableInTransitEncryption"] is True
    assert body["InstanceMetadataServiceConfiguration"]["MinimumInstanceMetadataServiceVersion"] == 2
    assert body["AuthorizationConfiguration"]["IAMConfiguration"]["EnableApplicationScopedIAMRole"] is True


def test_the_compute_is_one_or_the_other_on_the_same_release_and_arm() -> None:
    template = load(TEMPLATE)
    assert template["Parameters"]["ReleaseLabel"]["Default"] == "emr-spark-8.1.0"
    cluster, application = template["Resources"]["Cluster"], template["Resources"]["Application"]
    assert (cluster["Condition"], application["Condition"]) == ("OnCluster", "OnServerless")
    assert cluster["Properties"]["ReleaseLabel"] == application["Properties"]["ReleaseLabel"] == {"Ref": "ReleaseLabel"}
    assert application["Properties"]["Architecture"] == "ARM64"
    graviton = re.compile(template["Parameters"]["CoreInstanceType"]["AllowedPattern"])
    assert graviton.match(template["Parameters"]["CoreInstanceType"]["Default"])
    assert graviton.match(cluster["Properties"]["Instances"]["MasterInstanceGroup"]["InstanceType"])
    assert not graviton.match("m7i.2xlarge")
    limits = cluster["Properties"]["ManagedScalingPolicy"]["ComputeLimits"]
    assert limits["MaximumCapacityUnits"] == {"Ref": "MaximumCoreNodes"}


def test_the_function_for_single_files_is_made_only_where_an_image_is_named() -> None:
    template = load(TEMPLATE)
    assert template["Parameters"]["FunctionImageUri"]["Default"] == ""
    for name in ("Function", "FunctionRole", "FunctionArrivals"):
        assert template["Resources"][name]["Condition"] == "HasFunction", name
    function, arrivals, queue = (
        template["Resources"][name]["Properties"] for name in ("Function", "FunctionArrivals", "InboxQueue")
    )
    assert queue["VisibilityTimeout"] >= 3 * function["Timeout"] * arrivals["BatchSize"]  # else a file is judged twice
    assert arrivals["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert function["Environment"]["Variables"] == {"SOUNDGATE_PLACES": {"Sub": "s3://${InboxBucket}/uploads"}}


def test_the_job_may_work_on_arrivals_and_read_uploads_but_not_write_them() -> None:
    policy = load(TEMPLATE)["Resources"]["JobPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    on_uploads = [s for s in policy if s["Resource"] == {"Sub": "${InboxBucket.Arn}/uploads/*"}]
    assert [sorted(s["Action"]) for s in on_uploads] == [["s3:GetObject", "s3:GetObjectVersion"]]
    on_queue = {a for s in policy if s["Resource"] == {"GetAtt": "InboxQueue.Arn"} for a in as_list(s["Action"])}
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"} <= on_queue
    assert "sqs:SendMessage" not in on_queue


def test_the_templates_use_no_yaml_alias() -> None:
    # CloudFormation refuses them, although every YAML reader here would resolve them.
    for path in (TEMPLATE, ALARMS):
        assert not [
            event for event in yaml.parse(path.read_text(encoding="utf-8")) if isinstance(event, yaml.AliasEvent)
        ]


def alarm_pages() -> dict[str, str]:
    """Map each alarm (and the rule that tells of a job's end) to the page that its description names."""
    pages = {}
    for path in (TEMPLATE, ALARMS):
        for kind, key in (("AWS::CloudWatch::Alarm", "AlarmDescription"), ("AWS::Events::Rule", "Description")):
            for name, body in resources(kind, path).items():
                match = re.search(r"docs/runbook/([a-z-]+\.md)$", body["Properties"][key])
                assert match, f"{name} does not end with its page"
                pages[name] = match[1]
    return pages


def test_each_alarm_has_its_own_page_and_each_page_its_alarm() -> None:
    pages = alarm_pages()
    assert len(set(pages.values())) == len(pages)
    assert {page.name for page in RUNBOOK.glob("*.md")} - {"README.md"} == set(pages.values())


@pytest.mark.parametrize("page", sorted(alarm_pages().values()))
def test_each_page_says_what_it_means_and_what_to_do(page: str) -> None:
    text = (RUNBOOK / page).read_text(encoding="utf-8")
    for heading in ("## What it means", "## Look first", "## What to do", "## Afterwards"):
        assert heading in text
    assert page in (RUNBOOK / "README.md").read_text(encoding="utf-8")


def test_each_alarm_is_sent_to_the_topic() -> None:
    for path in (TEMPLATE, ALARMS):
        for name, body in resources("AWS::CloudWatch::Alarm", path).items():
            assert body["Properties"]["AlarmActions"], name
            assert body["Properties"]["TreatMissingData"] in ("breaching", "notBreaching"), name

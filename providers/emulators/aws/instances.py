"""What surrounds an instance: its image, interfaces, security groups, status, attributes and console.

moto holds and serialises most of it; paging, the console and machine images are our own. Sources: EC2 API
Reference, the page of each operation; "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response

from providers.emulators.aws.instances_console import Host, boot_log, nitro, screenshot

if TYPE_CHECKING:
    from providers.emulators.aws.compute import Ec2State
    from providers.emulators.aws.world import World

# Debian's own account, which publishes its images (Debian wiki, "Cloud/AmazonEC2Image/Bookworm").
_DEBIAN = "136693071363"
# The output is posted some minutes after a change of state (EC2 User Guide, "Instance console output").
_POSTED = timedelta(minutes=4)


class MachineImage(Ami):
    """A public AMI of another account. moto's own would make a volume and a snapshot for each, in this account."""

    def __init__(
        self, state: Ec2State, image_id: str, name: str, owner: str, root: str, created: datetime
    ) -> None:
        self.ec2_backend = state
        self.id = image_id
        self.name = name
        self.state = "available"
        self.image_type = "machine"
        self.owner_id = owner
        self.owner_alias = None
        self.description = name
        self.image_location = f"{owner}/{name}"
        self.virtualization_type = "hvm"
        self.architecture = "x86_64"
        self.kernel_id = None
        self.platform = None
        self.hypervisor = "xen"
        self.root_device_name = root
        self.root_device_type = "ebs"
        self.sriov = "simple"
        self.creation_date = created
        self.product_codes: set[str] = set()
        self.boot_mode = "uefi-preferred"
        self.instance_id = None
        self.launch_permissions = [{"Group": "all"}]
        self._snapshot_id = image_id.replace("ami-", "snap-")

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        ebs = {
            "SnapshotId": self._snapshot_id,
            "VolumeSize": 8,
            "DeleteOnTermination": True,
            "VolumeType": "gp3",
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": ebs}]


def image(world: World, state: Ec2State, new_id: str, root: str) -> MachineImage:
    """Debian's public image with the root device ``root``; made with ``new_id`` when first asked for."""
    for known in state.amis.values():
        if isinstance(known, MachineImage) and known.root_device_name == root:
            return known
    created = (world.started - timedelta(days=150)).replace(microsecond=0, tzinfo=None)
    made = MachineImage(state, new_id, f"debian-12-amd64-{created:%Y%m%d}-2201", _DEBIAN, root, created)
    state.amis[made.id] = made
    return made


class InstanceReads(EC2Response):
    """The EC2 operations that describe an instance and what belongs to it."""

    state: Ec2State

    if TYPE_CHECKING:

        def _page(self, name: str, items: list[Any], default: int, most: int) -> ActionResult: ...

    def describe_network_interfaces(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self._ids_or_page("NetworkInterfaceIds")
        found = self.state.get_all_network_interfaces(ids, self._filters_from_querystring())
        return self._page("NetworkInterfaces", found, 1000, 1000)

    def describe_security_groups(self) -> ActionResult:
        self.error_on_dryrun()
        ids, names = self._get_param("GroupIds", []), self._get_param("GroupNames", [])
        everything = self.state.describe_security_groups()
        for wanted, known in ((ids, {g.id for g in everything}), (names, {g.name for g in everything})):
            for one in wanted:
                if one not in known:
                    raise EC2ClientError("InvalidGroup.NotFound", f"The security group '{one}' does not exist")
        found = self.state.describe_security_groups(ids, names, self._filters_from_querystring())
        return self._page("SecurityGroups", found, 1000, 1000)

    def describe_images(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self._get_param("ImageIds", [])
        for one in ids:
            if one.startswith("ami-") and one not in self.state.amis:
                raise EC2ClientError("InvalidAMIID.NotFound", f"The image id '[{one}]' does not exist")
        found = self.state.describe_images(
            ami_ids=ids,
            filters=self._filters_from_querystring(),
            exec_users=self._get_param("ExecutableUsers", []),
            owners=self._get_param("Owners", []),
        )
        return self._page("Images", found, 1000, 1000)

    def describe_instance_status(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self._ids_or_page("InstanceIds")
        filters = [{"name": key, "values": values} for key, values in self._filters_from_querystring().items()]
        everything = self._get_bool_param("IncludeAllInstances", False)
        found = self.state.describe_instance_status(ids, everything, filters)
        return self._page("InstanceStatuses", found, 1000, 1000)

    def _ids_or_page(self, name: str) -> list[str]:
        ids: list[str] = self._get_param(name, [])
        if ids and self._get_param("MaxResults") is not None:
            raise EC2ClientError(
                "InvalidParameterCombination",
                f"The parameter {name[0].lower()}{name[1:]} cannot be used with the parameter maxResults",
            )
        return ids

    def describe_instance_attribute(self) -> ActionResult:
        self.error_on_dryrun()
        if self._get_param("Attribute") == "blockDeviceMapping":
            # moto answers this one with nothing.
            instance = self.state.get_instance(self._get_param("InstanceId"))
            return ActionResult({"InstanceId": instance.id, "BlockDeviceMappings": instance.block_device_mappings})
        return super().describe_instance_attribute()

    def get_console_output(self) -> ActionResult:
        instance = self.state.get_instance(self._get_param("InstanceId"))
        self.error_on_dryrun()
        latest = self._get_bool_param("Latest", False)
        if latest and not nitro(instance.instance_type):
            raise EC2ClientError(
                "UnsupportedOperation",
                "This instance type does not support retrieving the latest console logs. "
                "For a list of supported instance types, see documentation.",
            )
        now = datetime.now(UTC).replace(microsecond=0)
        booted = instance.launch_time.replace(tzinfo=UTC)
        text = boot_log(self._host(instance), now if latest else None)
        return ActionResult(
            {
                "InstanceId": instance.id,
                "Timestamp": now if latest else booted + _POSTED,
                "Output": base64.b64encode(text.encode()).decode(),
            }
        )

    def get_console_screenshot(self) -> ActionResult:
        instance = self.state.get_instance(self._get_param("InstanceId"))
        self.error_on_dryrun()
        if not instance.is_running():
            raise EC2ClientError(
                "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'running' state."
            )
        return ActionResult({"InstanceId": instance.id, "ImageData": base64.b64encode(screenshot()).decode()})

    def _host(self, instance: Any) -> Host:
        disks = {
            device: int(self.state.volumes[mapping.volume_id].size)
            for device, mapping in instance.get_block_device_mapping
        }
        return Host(
            name=self.state.tags.get(instance.id, {}).get("Name", ""),
            private_ip=instance.private_ip_address,
            private_dns=instance.private_dns_name,
            instance_id=instance.id,
            region=self.state.region_name,
            type=instance.instance_type,
            booted=instance.launch_time.replace(tzinfo=UTC),
            disks=disks,
            user_data=instance.user_data.decode() if instance.user_data else "",
        )

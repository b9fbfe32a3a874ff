//! `Get-NetOffloadGlobalSetting`, `Set-NetOffloadGlobalSetting`.

use super::super::shell::Takes;
use super::super::value::Value;
use super::{Cmdlet, named};

const SWITCHED: Takes = Takes::Word(&["Disabled", "Enabled"]);

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Get-NetOffloadGlobalSetting", &[], |host, _| {
        let switched = |on| match on {
            true => Value::Enum { name: "Enabled", number: 1 },
            false => Value::Enum { name: "Disabled", number: 0 },
        };
        let across = match host.offload.across_subnets {
            true => Value::Enum { name: "Allowed", number: 1 },
            false => Value::Enum { name: "Blocked", number: 0 },
        };
        Ok(vec![Value::object(
            "Microsoft.Management.Infrastructure.CimInstance#root/StandardCimv2/MSFT_NetOffloadGlobalSetting",
            [
                ("ReceiveSideScaling", switched(true)),
                ("ReceiveSegmentCoalescing", switched(true)),
                ("Chimney", switched(false)),
                ("TaskOffload", switched(true)),
                ("NetworkDirect", switched(host.offload.network_direct)),
                ("NetworkDirectAcrossIPSubnets", across),
                ("PacketCoalescingFilter", switched(false)),
            ],
        )])
    }),
    Cmdlet::new(
        "Set-NetOffloadGlobalSetting",
        &[
            named("NetworkDirect", SWITCHED),
            named("NetworkDirectAcrossIPSubnets", Takes::Word(&["Blocked", "Allowed"])),
        ],
        |host, arguments| {
            let is = |parameter, word: &str| {
                arguments.text(parameter).map(|given: String| given.eq_ignore_ascii_case(word))
            };
            let offload = &mut host.offload;
            offload.network_direct = is("NetworkDirect", "Enabled").unwrap_or(offload.network_direct);
            offload.across_subnets =
                is("NetworkDirectAcrossIPSubnets", "Allowed").unwrap_or(offload.across_subnets);
            Ok(Vec::new())
        },
    ),
];

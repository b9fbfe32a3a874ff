//! `Get-NetOffloadGlobalSetting`, `Set-NetOffloadGlobalSetting`.

use super::super::shell::Takes;
use super::super::value::Value;
use super::{Cmdlet, named};

const SWITCHED: Takes = Takes::Word(&["Disabled", "Enabled"]);

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new("Get-NetOffloadGlobalSetting", &[], |host, _| {
        let word = |is_on: bool, words: [&'static str; 2]| {
            let [no, yes] = words;
            Value::Enum { name: if is_on { yes } else { no }, number: i64::from(is_on) }
        };
        let switched = |is_on| word(is_on, ["Disabled", "Enabled"]);
        let across = word(host.offload.across_subnets, ["Blocked", "Allowed"]);
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

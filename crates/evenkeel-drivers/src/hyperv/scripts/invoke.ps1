# Calls cmdlets one after the other, each with its parameters by name. The first that fails ends it.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'

# How far it came is told to disarm.ps1 and restore.ps1: our own connection may be gone, and nobody hear how it ended.
function Set-Change($Word) {
    if ($Wanted.guard) { Set-ItemProperty -Path $key -Name 'Change' -Value "$($Wanted.guard) $Word" }
}

# What is put back already must not be changed any more.
function Assert-Guard {
    if ($Wanted.guard) {
        $kept = Get-ItemProperty -Path $key
        if ($kept.Firing -or "$($kept.Guard)" -notlike "*$($Wanted.guard)*") {
            throw "the guard $($Wanted.guard) is not armed any more"
        }
    }
}

$ended = 'failed'
Assert-Guard
Set-Change 'begun'
try {
    foreach ($call in @($Wanted.calls)) {
        Assert-Guard
        $parameters = @{ ErrorAction = 'Stop' }
        foreach ($given in $call.parameters.PSObject.Properties) {
            $parameters[$given.Name] = $given.Value
        }
        $cmdlet = $call.cmdlet
        & $cmdlet @parameters | Out-Null
    }

    # An adapter that was restarted is not done before its link is up again.
    $waited = 0
    foreach ($name in @($Wanted.up)) {
        while ("$((Get-NetAdapter -Name $name).Status)" -ne 'Up') {
            if ($waited -ge 60) { throw "$name is not up again after 60 s" }
            Start-Sleep -Seconds 1
            $waited++
        }
    }
    $ended = 'done'
}
finally {
    Set-Change $ended
}

@{ called = @($Wanted.calls).Count }

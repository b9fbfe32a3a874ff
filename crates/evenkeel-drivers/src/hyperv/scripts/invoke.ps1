# Calls cmdlets one after the other, each with its parameters by name. The first that fails ends it.
param($Wanted)

$ended = 'failed'
try {
    foreach ($call in @($Wanted.calls)) {
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
    # disarm.ps1 waits for this: our own connection may be gone, and nobody hear how it ended.
    if ($Wanted.guard) {
        Set-ItemProperty -Path 'HKLM:\SOFTWARE\Evenkeel' -Name 'Change' -Value "$($Wanted.guard) $ended"
    }
}

@{ called = @($Wanted.calls).Count }

# Calls cmdlets one after the other, each with its parameters by name. The first that fails ends it.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
$number = 0

# How far it came is told to disarm.ps1 and restore.ps1: our own connection may be gone, and nobody hear how it ended.
function Set-Change($Word) {
    if ($Wanted.guard) { Set-ItemProperty -Path $key -Name 'Change' -Value "$($Wanted.guard) $Word $number" }
}

# What is put back already must not be changed any more. First it is told how far we are, then comes this look;
# restore.ps1 does it the other way round. So one of the two sees the other, however they meet.
function Assert-Guard {
    if ($Wanted.guard) {
        $kept = Get-ItemProperty -Path $key
        if ($kept.Firing -or "$($kept.Guard)" -notlike "*$($Wanted.guard)*") {
            throw "the guard $($Wanted.guard) is not armed any more"
        }
    }
}

# An adapter that was just made, or that restarts, is there some seconds later.
function Wait-Adapter($Name, $Status) {
    $waited = 0
    while ($true) {
        $found = @(Get-NetAdapter | Where-Object { $_.Name -eq $Name -and "$($_.Status)" -like $Status })
        if ($found.Count -gt 0) { return }
        if ($waited -ge 60) { throw "$Name is not up again after 60 s" }
        Assert-Guard
        Start-Sleep -Seconds 1
        $waited++
    }
}

$ended = 'failed'
Assert-Guard
try {
    foreach ($call in @($Wanted.calls)) {
        $number++
        Set-Change 'begun'
        $parameters = @{ ErrorAction = 'Stop' }
        foreach ($given in $call.parameters.PSObject.Properties) {
            $parameters[$given.Name] = $given.Value
        }
        $adapter = $call.parameters.InterfaceAlias
        if ($call.cmdlet -like '*-NetAdapter*') { $adapter = $call.parameters.Name }
        if ($adapter) { Wait-Adapter $adapter '*' }
        Assert-Guard
        $cmdlet = $call.cmdlet
        & $cmdlet @parameters | Out-Null
    }
    # A restart of an adapter is done when its link is up again.
    foreach ($name in @($Wanted.up)) { Wait-Adapter $name 'Up' }
    $ended = 'done'
}
finally {
    Set-Change $ended
}

@{ called = $number }

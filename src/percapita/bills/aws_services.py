"""FOCUS' service categories of AWS services, by the product code that AWS bills them under."""

from __future__ import annotations

from typing import Final

CATEGORIES: Final[dict[str, tuple[str, ...]]] = {
    "Compute": (
        "AmazonEC2", "AWSLambda", "AmazonECS", "AmazonEKS", "AmazonECR", "AmazonECRPublic",
        "AWSFargate", "AWSBatch", "AmazonLightsail", "AWSAppRunner", "ElasticBeanstalk",
        "AWSOutposts", "ComputeSavingsPlans", "AWSComputeOptimizer", "AmazonWorkSpaces",
        "AmazonAppStream",
    ),
    "Storage": (
        "AmazonS3", "AmazonEBS", "AmazonEFS", "AmazonFSx", "AmazonGlacier",
        "AmazonS3GlacierDeepArchive",
        "AWSBackup", "AWSStorageGateway", "AWSStorageGatewayDeepArchive", "AmazonFileCache",
    ),
    "Databases": (
        "AmazonRDS", "AmazonDynamoDB", "AmazonElastiCache", "AmazonMemoryDB", "AmazonDocDB",
        "AmazonNeptune", "AmazonDAX", "AmazonMCS", "AmazonKeyspaces", "AmazonTimestream",
        "AmazonQLDB", "AmazonSimpleDB", "DatabaseSavingsPlans",
    ),
    "Networking": (
        "AmazonVPC", "AmazonCloudFront", "AmazonRoute53", "AWSELB", "AWSDirectConnect",
        "AWSGlobalAccelerator", "AWSDataTransfer", "AWSTransitGateway", "AWSCloudMap",
        "AmazonVPCLattice", "AWSCloudWAN", "AWSNetworkFirewall",
    ),
    "Analytics": (
        "AmazonRedshift", "AmazonAthena", "ElasticMapReduce", "AmazonES", "AmazonOpenSearchService",
        "AmazonKinesis", "AmazonKinesisFirehose", "AmazonKinesisAnalytics", "AWSGlue",
        "AWSLakeFormation", "AmazonQuickSight", "AmazonMSK", "AWSDataExchange",
        "AmazonCloudSearch", "datapipeline",
    ),
    "AI and Machine Learning": (
        "AmazonSageMaker", "AmazonBedrock", "AmazonBedrockAgentCore", "AmazonRekognition",
        "comprehend", "transcribe", "translate", "AmazonPolly", "AmazonTextract", "AmazonLex",
        "AmazonKendra", "AmazonPersonalize", "AmazonForecast", "AmazonQ",
        "MachineLearningSavingsPlans",
    ),
    "Integration": (
        "AWSQueueService", "AmazonSNS", "AWSEvents", "AmazonStates", "AmazonMQ", "AmazonApiGateway",
        "AWSAppSync", "AmazonMWAA", "AmazonSWF", "AmazonAppFlow",
    ),
    "Management and Governance": (
        "AmazonCloudWatch", "AWSCloudTrail", "AWSConfig", "AWSSystemsManager", "AWSCloudFormation",
        "AWSServiceCatalog", "AWSControlTower", "AWSCostExplorer", "AWSBudgets", "AmazonGrafana",
        "AmazonPrometheus", "AWSXRay", "AWSResilienceHub",
    ),
    "Security": (
        "awskms", "AWSSecretsManager", "AmazonGuardDuty", "AmazonInspector", "AmazonInspectorV2",
        "AmazonMacie", "AWSSecurityHub", "awswaf", "AWSShield", "AWSCertificateManager",
        "CloudHSM", "AmazonDetective", "AWSAuditManager", "AmazonSecurityLake",
    ),
    "Identity": (
        "AmazonCognito", "AWSDirectoryService", "AWSIAMAccessAnalyzer", "VerifiedPermissions",
    ),
    "Developer Tools": (
        "CodeBuild", "AWSCodePipeline", "AWSCodeCommit", "AWSCodeArtifact", "AWSCodeDeploy",
        "AWSDeviceFarm", "AWSAmplify", "AWSCloudShell", "CodeGuru",
    ),
    "Internet of Things": ("AWSIoT", "AWSIoTAnalytics", "AWSGreengrass", "AWSIoTDeviceManagement"),
    "Media": (
        "AWSElementalMediaConvert", "AWSElementalMediaLive", "AWSElementalMediaPackage",
        "AWSElementalMediaStore", "AmazonIVS", "AmazonETS",
    ),
    "Migration": (
        "AWSDatabaseMigrationSvc", "AWSDataSync", "AWSTransfer", "AWSMigrationHub",
        "IngestionServiceSnowball",
    ),
    "Business Applications": (
        "AmazonSES", "AmazonConnect", "AmazonPinpoint", "AmazonWorkMail", "AmazonWorkDocs",
        "AmazonChime",
    ),
}  # fmt: skip
"""What is not named here (support, marketplace, new services) is ``Other``."""

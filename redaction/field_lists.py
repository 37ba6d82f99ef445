"""Names of fields, as APIs, forms and tables of hospitals, banks, shops and employers have them.

Each is written as its words joined, in lower case and without accents: `date_of_birth`,
`dateOfBirth` and `Date of Birth` are all `dateofbirth`. The last words of a name decide.
"""

from __future__ import annotations

NAMES = {
    "US_SSN": """
        ssn ssns socsec socialsecurity socialsecuritynumber socialsecurityno socialsecuritynum
        taxid taxidnumber taxidentifier taxidentificationnumber taxpayerid taxpayeridentifier
        socialinsurancenumber ssnumber ssnno ssnnum ssnlastfour ssnlast ussn usssn tin itin
        ssntin socialnumber socsecnum patientssn numerosegurosocial nss numerodesegurosocial
    """,
    "MEDICAL_RECORD_NUMBER": """
        mrn mrnumber mrno mrnum medicalrecord medicalrecordnumber medicalrecordid
        medicalrecordno medicalrecordnum medrec medrecno medrecnum medrecnumber patientid
        patientidentifier patientnumber patientno patientnum patid patientmrn patientcode ptid
        ptno chartnumber chartid chartno hospitalnumber hospitalid hospitalno unitnumber
        recordnumber healthrecordnumber emrid ehrid epicid patientkey patientref
        patienteninummer patientennummer patientenid numerodossierpatient nip ipp nhc
        historiaclinica numerohistoriaclinica prontuario
    """,
    "HEALTH_PLAN_NUMBER": """
        memberid membernumber memberno membernum memid subscriberid subscribernumber
        subscriberno policynumber policyno policyid policynum insuranceid insurancenumber
        insuranceno insurancepolicynumber insurancememberid insurancepolicy beneficiaryid
        beneficiarynumber healthplanid healthplannumber planmemberid groupnumber groupno
        groupnum insurancegroup medicaidid medicaidnumber medicareid medicarenumber mbi hicn hic
        cardholderid enrolleeid insuredid insuredsid payermemberid rxgroup rxgrp rxmemberid
        coverageid certificatenumber versichertennummer versicherungsnummer krankenkassennummer
        numeroassure numeropoliza numerodepoliza
    """,
    "ACCOUNT_NUMBER": """
        accountnumber accountno accountnum accountid acctnumber acctno acctnum acctid acct
        bankaccount bankaccountnumber bankaccountno bankacct accno guarantorid guarantornumber
        patientaccount patientaccountnumber patientacctno billingaccount billingaccountnumber
        har routingnumber routingno routing routingtransitnumber abanumber aba abarouting
        sortcode bsb clabe ifsc ifsccode swift swiftcode bic biccode branchcode loannumber
        loanid customeraccount customeraccountnumber checkingaccount savingsaccount kontonummer
        kontonr blz bankleitzahl numerodecuenta cuentabancaria numerocuenta numerocompte
        numerodecompte rib depositaccount
    """,
    "LICENSE_NUMBER": """
        licensenumber licenseno licensenum licenseid licencenumber licenceno driverslicense
        driverlicense driverslicence driverslicensenumber driverlicensenumber drivinglicence
        drivinglicencenumber driverslicenseno driverslic dlnumber dlno dln cdl medicallicense
        medicallicensenumber statelicense statelicensenumber deanumber dea deano deaid
        certificateno certificationnumber permitnumber permitno fuhrerschein fuhrerscheinnummer
        permisconduire licenciaconducir licenciadeconducir upin providerlicense
    """,
    "PASSPORT": """
        passport passportnumber passportno passportnum passportid reisepass reisepassnummer
        passnummer numeropasaporte pasaporte passeport numeropasseport numerodepasaporte
        traveldocument traveldocumentnumber
    """,
    "US_NPI": """
        npi npinumber npiid npino providernpi renderingnpi billingnpi
    """,
    "VEHICLE_ID": """
        vin vinnumber vehicleidentificationnumber vehiclevin chassisnumber licenseplate
        licenseplatenumber licenceplate platenumber plateno numberplate vehicleplate
        registrationplate vehicleregistration kennzeichen kfzkennzeichen matricula
        immatriculation targa
    """,
    "DEVICE_ID": """
        serialnumber serialno serialnum deviceserial deviceserialnumber deviceid
        deviceidentifier udi udicarrier implantserial imei imeinumber imsi meid iccid udid idfa
        gaid advertisingid androidid hardwareid equipmentid assettag seriennummer numerodeserie
        numeroserie lotnumber devicelot
    """,
    "MAC_ADDRESS": """
        mac macaddress macaddr hwaddr hardwareaddress bssid
    """,
    "BIOMETRIC_ID": """
        fingerprint fingerprintid fingerprinttemplate fingerprinthash faceid facetemplate
        faceprint faceembedding voiceprint voiceprintid retinascan retinaid irisscan iriscode
        irisid palmprint biometric biometricid biometrictemplate biometrichash
    """,
    "UNIQUE_ID": """
        employeeid employeenumber employeeno employeenum empid empno staffid staffnumber
        personnelnumber personnelid payrollid badgenumber badgeid badgeno studentid
        studentnumber studentno encounterid encounternumber visitid visitnumber visitno csn fin
        finnumber admissionid admissionnumber accession accessionnumber accessionno specimenid
        specimennumber sampleid caseid casenumber caseno claimid claimnumber claimno referralid
        referralnumber priorauth priorauthnumber priorauthorizationnumber authorizationnumber
        authnumber studyid subjectid participantid volunteerid customerid customernumber
        customerno clientnumber clientno personid personnumber nationalid nationalidnumber
        nationalidentifier idnumber idno idcard idcardnumber identitynumber voterid militaryid
        dodid edipi aliennumber visanumber userid memberuuid patientuuid externalid
        prescriptionnumber rxnumber rxno donorid residentid inmatenumber confirmationnumber
        referencenumber refno legalid personalausweis ausweisnummer personalnummer kundennummer
        fallnummer aktenzeichen dni nie nif cedula numerodeidentificacion curp numerodossier
        matricule
    """,
    "NATIONAL_ID": """
        aadhaar aadhaarnumber aadhar aadharnumber pannumber pancard cpf cnpj sin sinnumber nino
        nationalinsurancenumber nationalinsurance nhsnumber nhsno bsn pesel personnummer
        codicefiscale steuerid steuernummer steueridentifikationsnummer
        sozialversicherungsnummer nir numerosecuritesociale numerodesecuritesociale tfn
        taxfilenumber nric hkid emiratesid iqama ein fein employeridentificationnumber vatnumber
    """,
    "EMAIL_ADDRESS": """
        email emailaddress emails mail useremail emailid mailaddress contactemail workemail
        homeemail personalemail primaryemail replyto customeremail patientemail emailaddr correo
        correoelectronico emailadresse courriel adresseemail indirizzoemail
    """,
    "PHONE_NUMBER": """
        phone phonenumber phoneno phonenum telephone telephonenumber tel telno telnumber mobile
        mobilenumber mobilephone mobileno cell cellphone cellnumber homephone workphone
        officephone dayphone eveningphone primaryphone secondaryphone contactphone contactnumber
        emergencyphone emergencycontactphone emergencycontactnumber fax faxnumber faxno pager
        pagernumber msisdn whatsapp whatsappnumber smsnumber callerid phoneext telefon
        telefonnummer handynummer rufnummer mobilnummer telefono celular movil numerotelefono
        numerodetelefono telefonocelular portable numerotelephone numerodetelephone telefone
        cellulare
    """,
    "CREDIT_CARD": """
        cardnumber creditcard creditcardnumber creditcardno ccnumber ccnum pan cardno cardnum
        debitcard debitcardnumber paymentcard paymentcardnumber primaryaccountnumber cvv cvc
        cvvcode cvccode cardcvv cardcvc cardsecuritycode cardcode cardexpiry cardexpirationdate
        cardexpiration expirationdate expirydate expdate ccexp ccexpiry kartennummer kreditkarte
        kreditkartennummer numerodetarjeta numerotarjeta numerocarte numerodecarte
    """,
    "IBAN_CODE": """
        iban ibannumber ibancode
    """,
    "IP_ADDRESS": """
        ip ipaddress ipaddr clientip remoteaddr xforwardedfor xrealip remoteip sourceip srcip
        hostip userip ipv4 ipv6 trueclientip cfconnectingip peerip lastloginip loginip
    """,
    "DATE_TIME": """
        dob birthdate dateofbirth birthday birthdt deathdate dateofdeath deceaseddate
        deceaseddatetime admissiondate dischargedate admitdate dateofservice servicedate
        admitdatetime dischargedatetime visitdate encounterdate appointmentdate proceduredate
        surgerydate diagnosisdate onsetdate patientdob birthdatetime hiredate datehired
        terminationdate dateofadmission dateofdischarge collectiondate geburtsdatum geburtstag
        datenaissance datedenaissance fechanacimiento fechadenacimiento datadinascita
        datanascimento sterbedatum aufnahmedatum
    """,
    "PERSON": """
        firstname lastname middlename maidenname surname givenname familyname fullname forename
        patientname membername customername contactname personname givennames nameofpatient
        beneficiaryname subscribername guarantorname cardholdername cardholder accountholder
        accountholdername nameoncard doctorname physicianname providername mothersmaidenname
        mothermaidenname nextofkin nextofkinname emergencycontact emergencycontactname
        employeename studentname clientname insuredname policyholder policyholdername spousename
        fathername mothername parentname guardianname legalname preferredname birthname fname
        lname mname attendingphysician referringphysician primarycareprovider pcp pcpname
        surgeon signatory recipientname sendername applicantname tenantname displayfullname
        vorname nachname familienname geburtsname prenom nomdefamille nomcomplet apellido
        apellidos nombrecompleto nombreapellidos cognome nomecompleto sobrenome
    """,
    "LOCATION": """
        address streetaddress addressline addresslines address1 address2 street street1 street2
        homeaddress mailingaddress billingaddress shippingaddress postaladdress deliveryaddress
        workaddress fulladdress residentialaddress permanentaddress patientaddress addr addr1
        addr2 city town zip zipcode zip5 zip4 zipplus4 postalcode postcode county suburb village
        neighborhood cityname placeofbirth birthplace birthcity hospitalname facilityname
        facility latitude longitude latlng latlong geolocation gps gpscoordinates strasse
        hausnummer wohnort ort plz postleitzahl adresse anschrift rue ville codepostal calle
        direccion ciudad codigopostal domicilio indirizzo citta endereco cidade cep
    """,
    "NRP": """
        nationality ethnicity ethnicgroup race religion
    """,
    "ORGANIZATION": """
        employer employername companyname organizationname organisationname companylegalname
    """,
    "AGE": """
        age ageyears patientage ageatdiagnosis ageatdeath currentage ageinyears
    """,
    "USERNAME": """
        username usernames userlogin loginname loginid login logonname screenname handle
        nickname twitterhandle instagramhandle githubusername samaccountname userprincipalname
        accountname benutzername nomutilisateur nombreusuario
    """,
    "PASSWORD": """
        password passwd pwd passphrase passcode userpassword newpassword oldpassword
        currentpassword confirmpassword passwordconfirmation dbpassword pincode pinnumber secret
        clientsecret apikey apisecret apitoken accesstoken refreshtoken authtoken secretkey
        secretaccesskey accesskey privatekey securityanswer secretanswer otp onetimepassword
        mfacode totp totpsecret bearertoken sessiontoken webhooksecret signingsecret signingkey
        encryptionkey xapikey xauthtoken passwort kennwort contrasena motdepasse senha
    """,
    "URL": """
        homepage personalwebsite profileurl linkedinurl facebookurl
    """,
}
"""What names of fields mean."""

# Names that mean a person only inside an object for one, as in FHIR's Patient.name.given.
PARENTS = """
    patient patients member subscriber person customer contact guarantor employee beneficiary
    insured nextofkin doctor physician practitioner name applicant student client guardian spouse
    parent relative cardholder recipient sender user owner author billto shipto traveler passenger
"""

QUANTITIES = """
    size bytes length offset timestamp ts seed duration elapsed ms ns us count total population
    width height filesize created updated expires epoch amount price cost balance qty quantity
    subtotal latency rate score percent weight page pages line lines column row rows index port
    version revision build priority limit max min ttl timeout counter votes views hits inventory
    stock sum average avg mean budget revenue salary time
"""
"""Last words of fields whose number counts or measures something."""

KEYWORD_FIELDS = """
    role type model object finish_reason stop_reason tool_choice method jsonrpc protocolversion
    format encoding_format mime_type mimetype id media_type $schema service_tier reasoning_effort
    tool_use_id call_id tool_call_id user-agent date accept-language cache-control pragma origin
    if-none-match if-modified-since traceparent tracestate x-request-id anthropic-version
    anthropic-beta mcp-protocol-version mcp-session-id openai-beta openai-organization
    x-stainless-lang x-stainless-os x-stainless-arch x-stainless-runtime x-stainless-async
    x-stainless-package-version x-stainless-runtime-version sec-ch-ua sec-ch-ua-platform
    sec-fetch-mode sec-fetch-site resourcetype contenttype content_type event event_type status
    currency locale language lang timezone tz unit units kind api_version apiversion loglevel level
    accept accept-encoding content-encoding connection upgrade te via server transfer-encoding
"""
"""Fields of APIs and headers whose values are keywords, which a model takes for names."""
